"""Use every threaded kernel, from one and from several Python threads, for ThreadSanitizer.

The results are compared as well: a race that it does not see may still be seen in the bits.
"""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tsnekit import TSNE
from tsnekit._native.forest import ProjectionForest
from tsnekit.interfaces import RepulsionProblem
from tsnekit.locality import MapOrder
from tsnekit.plugins.affinities.perplexity import PerplexityKernel
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.plugins.neighbors._lists import empty_lists, scan
from tsnekit.plugins.neighbors._refinement import LinkedRows
from tsnekit.symmetrize import joint_affinities

N_JOBS = 4


def kernels(n_jobs):
    """Return the results of all kernels, on enough rows for several blocks."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3_000, 12)).astype(np.float32)
    indices, distances = scan(X, X, "sqeuclidean", 40, n_jobs, first=0)
    results = [indices, distances]
    lists = empty_lists(3_000, 40)
    forest = ProjectionForest(X, "sqeuclidean", 5, 6)
    forest.grow(0, np.arange(5, dtype=np.uint64), n_jobs)
    forest.rank(X, 0, *lists, n_jobs)
    linked = LinkedRows(X, "sqeuclidean", n_jobs)
    linked.improve(lists)
    linked.refine(lists, 30)
    results += lists
    weights = PerplexityKernel(perplexity=10).weights(np.sqrt(distances), n_jobs=n_jobs)
    P = joint_affinities(indices, weights, n_jobs=n_jobs)
    results += [weights, P.data]
    for d in (1, 2, 3):
        Y = (rng.normal(size=(3_000, d)) * 8).astype(np.float32)
        for method in (MeshMethod(), FFTMethod(), BarnesHutMethod()):
            if d < 3 or not isinstance(method, FFTMethod):
                problem = RepulsionProblem(n_samples=len(Y), n_components=d, n_jobs=n_jobs)
                out = np.empty_like(Y)
                method.plan(problem)(Y, out)
                results.append(out)
        out = np.ones_like(Y)
        MapOrder(P, n_jobs).gradient_from_repulsion(Y, 1.0, 1.0, 1.0, out)
        results.append(out)
    model = TSNE(n_jobs=n_jobs, n_iter=5, early_exaggeration_iter=5, random_state=0)
    results.append(np.array(model.fit(X)))
    return results


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


if __name__ == "__main__":
    sys.exit(main())
