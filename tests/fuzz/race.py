"""Use every threaded kernel, from one and from several Python threads, for ThreadSanitizer.

Then several threads share one neighbor index and one embedding. One thread moves the embedding
while the others read it. The results are compared, too, because they can show a race that the
sanitizer does not report.
"""

import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tsnekit._native.forest import ProjectionForest

from tsnekit import TSNE, TSNEEmbedding
from tsnekit._descent.map_order import MapOrder
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.affinity._matrix import conditional_affinities, joint_affinities
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.affinities.fixed_sigma import FixedSigmaKernel
from tsnekit.plugins.affinities.perplexity import PerplexityKernel
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.plugins.neighbors._rows.lists import empty_lists, rank, rename, scan
from tsnekit.plugins.neighbors._rows.refinement import LinkedRows
from tsnekit.plugins.neighbors._rows.sample import Sample

N_JOBS = 4
# Enough for several blocks in each kernel. The largest blocks are those of the tree, 16,384 points.
ROWS, POINTS = 3_000, 40_000
STEPS = 15
"""Iterations of a map that is moved while it is read."""


def searches(n_jobs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 12)).astype(np.float32)
    for metric in ("sqeuclidean", "manhattan", "hamming"):
        yield from scan(X, X, metric, 40, n_jobs, first=0)
    forest = ProjectionForest(X, "sqeuclidean", 5, 6)
    forest.grow(0, np.arange(5, dtype=np.uint64), n_jobs)
    lists = empty_lists(ROWS, 40)
    forest.rank(X[::-1].copy(), -1, *lists, n_jobs)
    yield from lists
    for tree in range(5):
        forest.scan(tree, 3, 0, 8, *lists, n_jobs)
    rename(lists, forest.order(0), n_jobs)
    yield from lists
    lists = rank(
        X, X, "sqeuclidean", rng.integers(0, ROWS, (ROWS, 20)).astype(np.int32), 40, n_jobs, first=0
    )
    linked = LinkedRows(X, "sqeuclidean", n_jobs)
    linked.improve(lists)
    linked.refine(lists, Sample(X, "sqeuclidean", 30, n_jobs, 0), passes=3)
    yield from lists


def affinities(n_jobs):
    """Yield weights of random neighbors, then P by both symmetrizations."""
    k = 12
    distances = np.sort(np.random.default_rng(0).gamma(5, size=(POINTS, k)), axis=1)
    distances = distances.astype(np.float32)
    # Near rows and far rows, so that some edges have a reverse edge and others do not.
    steps = np.append(np.arange(1, k), POINTS // 3)
    indices = ((np.arange(POINTS)[:, None] + steps) % POINTS).astype(np.int32)
    yield FixedSigmaKernel(k_neighbors=k).weights(distances, n_jobs=n_jobs)
    weights = PerplexityKernel(perplexity=4).weights(distances, n_jobs=n_jobs)
    yield weights
    yield conditional_affinities(indices, weights, POINTS, n_jobs=n_jobs).data
    for how in ("max", "mean"):
        P = joint_affinities(indices, weights, how=how, n_jobs=n_jobs)
        yield P.data
    yield P


def maps(P, n_jobs):
    """Yield forces in maps with a few points far outside, which grids compute pair by pair."""
    rng = np.random.default_rng(0)
    for d in (1, 2, 3):
        Y = (rng.normal(size=(POINTS, d)) * 8).astype(np.float32)
        Y[:3] = 1e4
        for method in (MeshMethod(), FFTMethod(), BarnesHutMethod(theta=1.0)):
            if d == 3 and not isinstance(method, BarnesHutMethod):
                continue
            for reference in (None, Y):
                problem = RepulsionProblem(
                    n_samples=POINTS, n_components=d, n_jobs=n_jobs, reference=reference
                )
                targets = Y if reference is None else Y[: POINTS // 4] + np.float32(0.5)
                out = np.empty_like(targets)
                method.plan(problem)(targets, out)
                yield out
        out = np.ones_like(Y)
        MapOrder(P, n_jobs).gradient_from_repulsion(Y, 1.0, 1.0, 1.0, out)
        yield out


def fits(n_jobs):
    X = np.random.default_rng(0).normal(size=(ROWS, 12))
    for method in ("mesh", "barnes_hut"):
        model = TSNE(
            n_jobs=n_jobs, n_iter=5, early_exaggeration_iter=5, random_state=0,
            initialization="spectral", negative_gradient_method=method,
        )  # fmt: skip
        embedding = model.fit(X)
        yield np.array(embedding)
        yield np.array(embedding.kl_divergence)


def kernels(n_jobs):
    """Return the results of all kernels."""
    *results, P = affinities(n_jobs)
    return [*searches(n_jobs), *results, *maps(P, n_jobs), *fits(n_jobs)]


# -- Objects that threads share --------------------------------------------------------------------


def at_once(*works):
    """Run functions in threads that start together, and return what they return."""
    barrier = threading.Barrier(len(works))

    def run(work):
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [job.result() for job in [pool.submit(run, work) for work in works]]


def share_embedding(affinities, X_new, method):
    """Read one embedding in several ways while a thread moves it, and check what is read."""
    start = np.random.default_rng(0).normal(size=(ROWS, 2))
    options = {"negative_gradient_method": method, "n_jobs": N_JOBS, "random_state": 0}
    alone, shared = (TSNEEmbedding(start, affinities, **options) for _ in range(2))

    def place(embedding):
        return np.array(embedding.transform(X_new, n_iter=2))

    maps, values, placed = [np.array(alone)], [alone.kl_divergence], [place(alone)]
    for _ in range(STEPS):
        alone.optimize(1, inplace=True)
        maps.append(np.array(alone))
        values.append(alone.kl_divergence)
        placed.append(place(alone))
    done = threading.Event()

    def move():
        try:
            shared.optimize(STEPS, inplace=True)
        finally:
            done.set()

    def reader(read):
        def repeat():
            found = [read()]
            while not done.is_set():
                found.append(read())
            return found

        return repeat

    readers = [lambda: shared.kl_divergence, lambda: np.array(shared.copy()), lambda: place(shared)]
    works = [reader(read) for read in readers for _ in range(2)]
    _, *found = at_once(move, *works)
    np.testing.assert_array_equal(shared, maps[-1])
    for work, results in enumerate(found):
        expected = (values, maps, placed)[work // 2]
        for each in results:
            assert any(np.array_equal(each, one) for one in expected), (method, work)
    return sum(map(len, found))


def share_index(X, X_new, search):
    """Use a fresh index from several threads, and check the results."""

    def new_index():
        return PerplexityBasedNN(
            X, perplexity=5, method=search, n_jobs=N_JOBS, random_state=0
        ).knn_index  # fmt: skip

    alone, shared = new_index(), new_index()
    parts = np.array_split(X_new, 3)
    found = at_once(*[lambda part=part: shared.query(part, 10) for part in parts * 2])
    for part, answer in zip(parts * 2, found, strict=True):
        expected = alone.query(part, 10)
        np.testing.assert_array_equal(answer.indices, expected.indices)
        np.testing.assert_array_equal(answer.distances, expected.distances)
    return len(found)


def share():
    """Return how many results were read from shared objects."""
    rng = np.random.default_rng(0)
    X, X_new = rng.normal(size=(ROWS, 12)), rng.normal(size=(300, 12))
    total = sum(share_index(X, X_new, search) for search in ("annoy", "forest"))
    affinities = PerplexityBasedNN(X, perplexity=5, n_jobs=N_JOBS, random_state=0)
    for method in ("barnes_hut", "mesh", "fft"):
        total += share_embedding(affinities, X_new[:50], method)
    return total


def main():
    warnings.simplefilter("ignore")
    expected = kernels(1)
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(kernels, N_JOBS) for _ in range(3)]
        found = [kernels(N_JOBS), *(job.result() for job in jobs)]
    for results in found:
        for one, other in zip(results, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    print(f"{len(expected)} results are the same in {len(found)} runs with {N_JOBS} threads")
    print(f"{share()} results were read from embeddings and indices that threads share")


if __name__ == "__main__":
    sys.exit(main())
