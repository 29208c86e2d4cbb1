"""Several fits at once, in threads and processes, and what else runs beside them."""

import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tsnekit import TSNE
from tsnekit.quiet import without_warnings

QUICK = {"early_exaggeration_iter": 20, "n_iter": 30, "random_state": 0, "n_jobs": 2}
# Any search but hnsw, whose threads make it differ from run to run.
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
    expected = [np.array(TSNE(**QUICK, **kind).fit(blobs)) for kind in KINDS]
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(TSNE(**QUICK, **kind).fit, blobs) for kind in KINDS * 3]
        for job, wanted in zip(jobs, expected * 3, strict=True):
            np.testing.assert_array_equal(job.result(), wanted)


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


def test_blas_gets_its_threads_back(blobs):
    before = blas_threads()
    for kind in KINDS:
        TSNE(**QUICK, **kind).fit(blobs)
        assert blas_threads() == before


def test_warnings_are_shown_again_after_two_threads_were_quiet():
    def be_quiet(start):
        time.sleep(start)
        with without_warnings():
            time.sleep(0.1)

    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(be_quiet, (0, 0.05)))
    assert warnings.filters == before


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


# -- The interpreter's lock --------------------------------------------------------------------


def long_kernels():
    from tsnekit._native.perplexity import calibrate
    from tsnekit._native.refine import scan_rows

    from tsnekit.interfaces import RepulsionProblem
    from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
    from tsnekit.symmetrize import joint_affinities

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


def test_python_goes_on_beside_the_kernels():
    """Without the lock released, the other thread would stand still from start to end."""
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
