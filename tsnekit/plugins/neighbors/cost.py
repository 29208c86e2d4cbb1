"""What a search is expected to take, for ``neighbors="fastest"``."""

from __future__ import annotations

import math

from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.neighbors._spaces import VectorSpace

__all__ = ["annoy_seconds", "exact_seconds", "hnsw_seconds", "pynndescent_seconds"]


def exact_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that exact search is expected to take."""
    n, d = problem.n_samples, problem.n_features
    pairs = float(n) * n
    if callable(problem.metric):
        return pairs * 2e-6
    if problem.sparse or problem.metric not in VectorSpace.METRICS or problem.metric_params:
        return pairs * (2e-8 + 2e-9 * d) / problem.n_jobs
    return (pairs * (2.5e-10 + 1.7e-11 * d) + n * k * 3e-7) / problem.n_jobs


def annoy_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that Annoy's forest and its refinement are expected to take."""
    n, d = problem.n_samples, problem.n_features
    serial = n * (2e-6 + 5e-8 * d) + n * math.log2(n) * (2e-7 + 2e-9 * d)
    return serial + n * (1.2e-5 + (k + 40) * (2e-7 + 4e-9 * d)) / problem.n_jobs


def hnsw_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that hnswlib is expected to take."""
    n, d = problem.n_samples, problem.n_features
    return n * math.log2(n) * (80 + k) * (2e-8 + 4e-10 * d) / problem.n_jobs


def pynndescent_seconds(problem: SearchProblem, k: int) -> float:
    """Return the seconds that PyNNDescent, and its compilation, are expected to take."""
    n, d = problem.n_samples, problem.n_features
    return 30.0 + n * (k + 15) * (2e-6 + 1e-8 * d) / problem.n_jobs
