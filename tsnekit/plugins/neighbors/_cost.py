"""The expected times of searches, for ``neighbors="fastest"``.

An estimate is a sum of terms. Each term counts units of work and multiplies them by the seconds of
a unit. These seconds were fitted, by ``python -m benchmarks.fit_neighbor_costs``, to the processor
time of searches on one thread of a server processor with AVX-512. On other processors, all of them
are wrong by about the same factor, so that the order of the backends stays the same.
"""

from __future__ import annotations

import math

from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace

__all__ = [
    "annoy_seconds",
    "exact_seconds",
    "forest_seconds",
    "hnsw_seconds",
    "pynndescent_seconds",
]

Terms = tuple[tuple[float, ...], tuple[float, ...]]

MIN_ROWS = 4096
"""Fewest rows for which PyNNDescent is used; with fewer, its search is exact."""

COMPILATION = 40.0
"""Seconds that PyNNDescent compiles at its first use."""

EXACT_PAIR = 3e-7
"""Seconds that SciPy takes for a pair of rows, in a metric that the native kernel does not have."""

SPARSE_PRODUCT = 1.5e-8
"""Seconds of a pair of sparse rows in one of `PRODUCT_METRICS`, which products of matrices give."""

PRODUCT_METRICS = frozenset({"euclidean", "sqeuclidean", "cosine"})

FUNCTION_CALL = 2e-6
"""Seconds of a call of a metric that is a function in Python."""


def _exact_terms(problem: SearchProblem, k: int) -> Terms:
    n, p = problem.n_samples, problem.n_features
    return (), (n * n, n * n * p, n * k * math.log(n))


def _annoy_terms(problem: SearchProblem, k: int) -> Terms:
    n, p = problem.n_samples, problem.n_features
    return (n * min(p, 100),), (n * math.log(n), n * (k + 40), n * (k + 40) * p)


def _hnsw_terms(problem: SearchProblem, k: int) -> Terms:
    n, p = problem.n_samples, problem.n_features
    steps = n * math.log(n)
    return (), (steps, steps * p, n * k, n * k * p)


def _forest_terms(problem: SearchProblem, k: int) -> Terms:
    n, p = problem.n_samples, problem.n_features
    return (), (n * math.log(n), n * p * math.log(n), n * (k + 40))


TERMS = {
    "exact": _exact_terms,
    "annoy": _annoy_terms,
    "forest": _forest_terms,
    "hnsw": _hnsw_terms,
}
"""The work on one thread, and the work that threads share, by the name of the search."""

SECONDS = {
    "exact": (4.4e-10, 2.1e-11, 3.1e-08),
    "annoy": (2.5e-07, 3.3e-06, 2.9e-09, 1.2e-09),
    "forest": (1.5e-06, 1.9e-08, 1e-07),
    "hnsw": (3e-06, 1.7e-08, 1.6e-07, 2.4e-10),
}
"""Seconds of a unit of each term."""


def _estimate(name: str, problem: SearchProblem, k: int) -> float:
    serial, shared = TERMS[name](problem, k)
    work = (*serial, *(term / problem.n_jobs for term in shared))
    return sum(term * seconds for term, seconds in zip(work, SECONDS[name], strict=True))


def exact_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that exact search is expected to take."""
    pairs = float(problem.n_samples) ** 2
    if callable(problem.metric):
        return pairs * FUNCTION_CALL
    if problem.sparse and problem.metric in PRODUCT_METRICS and not problem.metric_params:
        return pairs * SPARSE_PRODUCT / problem.n_jobs
    if problem.sparse or problem.metric not in VectorSpace.METRICS or problem.metric_params:
        return pairs * EXACT_PAIR / problem.n_jobs
    return _estimate("exact", problem, k)


def annoy_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that Annoy's forest and its refinement are expected to take."""
    return _estimate("annoy", problem, k)


def forest_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that the native forest and its refinement are expected to take."""
    return _estimate("forest", problem, k)


def hnsw_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that hnswlib is expected to take."""
    return _estimate("hnsw", problem, k)


def pynndescent_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that PyNNDescent, and its compilation, are expected to take."""
    n, p = problem.n_samples, problem.n_features
    if n < MIN_ROWS:
        return exact_seconds(problem, k)
    return COMPILATION + n * (k + 15) * (5e-6 + 1e-8 * p) / problem.n_jobs
