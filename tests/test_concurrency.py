"""Several fits at once, in threads and processes, and other Python code beside them."""

import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tsnekit import TSNE
from tsnekit._embedding import full

QUICK = {"early_exaggeration_iter": 20, "n_iter": 30, "random_state": 0, "n_jobs": 2}
# Any search except hnsw, whose results with several threads differ from run to run.
KINDS = [
    {"negative_gradient_method": method, "initialization": initialization, "neighbors": neighbors}
    for method, initialization, neighbors in [
        ("mesh", "pca", "exact"),
        ("fft", "spectral", "annoy"),
        ("barnes_hut", "random", "annoy"),
        ("exact", "spectral", "exact"),
    ]
]


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_fits_in_several_threads_give_the_same_bits(blobs):
    before = blas_threads()
    expected = [np.array(TSNE(**QUICK, **kind).fit(blobs)) for kind in KINDS]
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(TSNE(**QUICK, **kind).fit, blobs) for kind in KINDS * 3]
        for job, wanted in zip(jobs, expected * 3, strict=True):
            np.testing.assert_array_equal(job.result(), wanted)
    assert blas_threads() == before


def test_one_embedding_serves_several_threads(blobs):
    embedding = TSNE(**QUICK).fit(blobs)
    expected = np.array(embedding.transform(blobs[:20], n_iter=20))
    more = np.array(embedding.optimize(20))
    with ThreadPoolExecutor(6) as pool:
        placed = [pool.submit(embedding.transform, blobs[:20], n_iter=20) for _ in range(6)]
        moved = [pool.submit(embedding.optimize, 20) for _ in range(6)]
        for job in placed:
            np.testing.assert_array_equal(job.result(), expected)
        for job in moved:
            np.testing.assert_array_equal(job.result(), more)


# -- Reading one map from several threads ----------------------------------------------------------


def at_once(*works):
    """Run functions in threads that start together, and return what they return."""
    barrier = threading.Barrier(len(works))

    def run(work):
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [job.result() for job in [pool.submit(run, work) for work in works]]


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(10, 8)) * 4
    return (centers[np.arange(3000) % 10] + rng.normal(size=(3000, 8))).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(many):
    return TSNE(**QUICK, neighbors="annoy").fit(many)


def using(embedding, method):
    embedding = embedding.copy()
    state = embedding.state
    state.parameters = state.parameters.replace(negative_gradient_method=method)
    return embedding


METHODS = ["barnes_hut", "fft", "mesh"]


@pytest.mark.parametrize("method", METHODS)
def test_the_divergence_is_one_value_for_all_threads(fitted, method):
    embedding = using(fitted, method)
    expected = using(fitted, method).kl_divergence

    def read():
        return [embedding.kl_divergence for _ in range(10)]

    found = at_once(*[read] * 6)
    assert {value for values in found for value in values} == {expected}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fixed", [False, True])
def test_readers_of_a_map_that_moves_see_it_between_iterations(fitted, method, fixed):
    fixed = np.arange(3000) < 1000 if fixed else None
    steps = 25
    before, embedding = using(fitted, method), using(fitted, method)
    first = embedding.state.iteration
    values, maps, states = [before.kl_divergence], [np.array(before)], [before.optimizer.state()]
    for _ in range(steps):
        before.optimize(1, inplace=True, fixed=fixed)
        values.append(before.kl_divergence)
        maps.append(np.array(before))
        states.append(before.optimizer.state())
    done = threading.Event()

    def move():
        try:
            embedding.optimize(steps, inplace=True, fixed=fixed)
        finally:
            done.set()

    def read_values():
        found = [embedding.kl_divergence]
        while not done.is_set():
            found.append(embedding.kl_divergence)
        return found

    def read_copies():
        found = [embedding.copy()]
        while not done.is_set():
            found.append(pickle.loads(pickle.dumps(embedding)))
        return found

    _, found, more, copies = at_once(move, read_values, read_values, read_copies)
    np.testing.assert_array_equal(embedding, maps[-1])
    assert set(found) | set(more) <= set(values)
    for each in copies:
        step = each.state.iteration - first
        np.testing.assert_array_equal(each, maps[step])
        for name, array in each.optimizer.state().items():
            np.testing.assert_array_equal(array, states[step][name])


@pytest.mark.parametrize("method", METHODS)
def test_transform_beside_a_map_that_is_copied_and_moved(fitted, many, method):
    embedding = using(fitted, method)
    expected = np.array(embedding.transform(many[:50], n_iter=15))

    def place():
        return np.array(embedding.transform(many[:50], n_iter=15))

    def move_a_copy():
        return np.array(embedding.optimize(15))

    found = at_once(place, move_a_copy, place, place, move_a_copy)
    for i in (0, 2, 3):
        np.testing.assert_array_equal(found[i], expected)
    np.testing.assert_array_equal(found[1], found[4])


def test_new_points_feel_the_map_in_which_they_were_placed(fitted, many, monkeypatch):
    """Another thread may move the map in place between placing and optimizing the points."""
    embedding = fitted.copy()
    expected = np.array(embedding.transform(many[:50], n_iter=15))
    place = full.place

    def place_before_a_move(*args, **options):
        start = place(*args, **options)
        embedding.optimize(1, inplace=True)
        return start

    monkeypatch.setattr(full, "place", place_before_a_move)
    np.testing.assert_array_equal(embedding.transform(many[:50], n_iter=15), expected)
    monkeypatch.undo()
    assert not np.array_equal(embedding.transform(many[:50], n_iter=15), expected)


class OneAtATime:
    """A whole gradient that fails if a second thread enters it."""

    def plan(self, problem):
        return self

    def __init__(self):
        self.inside = 0

    def _enter(self):
        self.inside += 1
        assert self.inside == 1
        product = np.ones((1000, 1000)) @ np.ones((1000, 1000))  # other threads may run meanwhile
        assert product[0, 0] == 1000
        assert self.inside == 1
        self.inside -= 1

    def gradient(self, Y, out, exaggeration):
        self._enter()
        out[...] = Y

    def kl_divergence(self, Y):
        self._enter()
        return 1.0


def test_whole_gradients_are_entered_by_one_thread_at_a_time(fitted):
    embedding = using(fitted, OneAtATime())
    assert embedding.kl_divergence == 1

    def read():
        return [embedding.kl_divergence for _ in range(5)]

    def move():
        return embedding.optimize(5, inplace=True)

    assert at_once(read, move, read, read)[0] == [1] * 5


# -- What belongs to the process -------------------------------------------------------------------


def test_blas_gets_its_threads_back(blobs):
    before = blas_threads()
    for kind in KINDS:
        TSNE(**QUICK, **kind).fit(blobs)
        assert blas_threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize("before", ["", "fit()"], ids=["after import", "after a fit"])
def test_forked_processes_give_the_same_bits(before):
    code = f"""
import os, numpy as np, tsnekit
from tsnekit._native import attraction, refine
X = np.random.default_rng(0).normal(size=(1500, 5))
def fit():
    model = tsnekit.TSNE(n_iter=10, early_exaggeration_iter=10, random_state=0, n_jobs=2,
                         neighbors="annoy", negative_gradient_method="mesh")
    return np.array(model.fit(X))
{before}
children = []
for k in range(3):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, fit().tobytes())
        os._exit(0)
    os.close(writer)
    children.append(os.fdopen(reader, "rb"))
found = [child.read() for child in children]
expected = fit().tobytes()
assert all(each == expected for each in found)
"""
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=120)


HELD = """
import os, threading, numpy as np, tsnekit
from tsnekit._backends import registry
from tsnekit.plugins.gradients.mesh import MeshMethod
X = np.random.default_rng(0).normal(size=(60, 5))
embedding = tsnekit.TSNE(n_iter=5, early_exaggeration_iter=5, random_state=0).fit(X)
reading, go_on = threading.Event(), threading.Event()
def wait():
    reading.set()
    go_on.wait()
{hold}
threading.Thread(target=hold, daemon=True).start()
reading.wait()
child = os.fork()
if child == 0:
    go_on.set()
    {use}
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""

HOLD_PLAN = """
class Slow(MeshMethod):
    def plan(self, problem):
        repulsion = super().plan(problem)
        def slow(*arrays):
            wait()
            return repulsion(*arrays)
        return slow
go_on.set()
slow = tsnekit.TSNE(n_iter=5, early_exaggeration_iter=5, negative_gradient_method=Slow()).fit(X)
go_on.clear()
reading.clear()
def hold():
    slow.kl_divergence
"""

HOLD_INDEX = """
def hold():
    with embedding.affinities.knn_index._lock.held():
        wait()
"""

HOLD_REGISTRY = """
def hold():
    with registry._lock.held():
        wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize(
    ("hold", "use"),
    [
        pytest.param(HOLD_PLAN, "slow.kl_divergence", id="plan"),
        pytest.param(HOLD_INDEX, "embedding.transform(X[:5], n_iter=5)", id="index"),
        pytest.param(HOLD_REGISTRY, "tsnekit.TSNE().fit(X)", id="registry"),
    ],
)
def test_a_forked_child_does_not_wait_for_threads_of_the_parent(hold, use):
    code = HELD.format(hold=hold, use=use)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-I", "-c", code]
    subprocess.run(command, check=True, timeout=120)


# -- The interpreter's lock --------------------------------------------------------------------


def long_kernels():
    from tsnekit._native.perplexity import calibrate
    from tsnekit._native.refine import scan_rows

    from tsnekit.affinity._matrix import joint_affinities
    from tsnekit.interfaces import RepulsionProblem
    from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod

    rng = np.random.default_rng(0)
    X = rng.normal(size=(6_000, 100)).astype(np.float32)
    lists = np.empty((6_000, 50), np.int32), np.empty((6_000, 50), np.float32)
    yield "search", lambda: scan_rows(X, 0, X, "sqeuclidean", *lists, 1)
    distances = np.sort(rng.gamma(5, size=(60_000, 90)), axis=1).astype(np.float32)
    out = np.empty_like(distances), np.empty((60_000, 1)), np.empty((60_000, 1), np.int32)
    yield "calibration", lambda: calibrate(distances, np.array([30.0]), False, *out, 1)
    indices = (np.arange(60_000)[:, None] + np.arange(1, 91)).astype(np.int32) % 60_000
    yield "symmetrization", lambda: joint_affinities(indices, distances)
    Y = (rng.normal(size=(150_000, 2)) * 20).astype(np.float32)
    problem = RepulsionProblem(n_samples=len(Y), n_components=2)
    tree, forces = BarnesHutMethod(theta=0.2).plan(problem), np.empty_like(Y)
    yield "Barnes-Hut", lambda: tree(Y, forces)


def test_python_runs_beside_the_kernels():
    """If kernels kept the interpreter's lock, the other thread would not run at all."""
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        for name, kernel in long_kernels():
            started = time.perf_counter()
            kernel()
            ended = time.perf_counter()
            time.sleep(0.01)
            within = [each for each in ticks if started + 0.01 < each < ended - 0.01]
            assert len(within) >= 3, (name, ended - started)
    finally:
        stop.set()
        thread.join()
