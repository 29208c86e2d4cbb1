"""What each search is expected to take, for tsnekit's ``neighbors="fastest"``.

An estimate is a sum of terms. Each term counts some kind of work, times the seconds for a unit of
this work. The constants were fitted to the processor time of searches on one thread, of 2,000 to
36,000 rows, 20 to 300 features, and 15 and 90 neighbors. Most estimates are within a factor of 1.5
of the measured time. Another processor changes all terms alike, so that the order of the searches
stays the same.
"""

import math

__all__ = ["flat_seconds", "hnsw_seconds", "ivf_seconds"]


def flat_seconds(problem, k):
    """Return the seconds that measuring every pair is expected to take."""
    n, p = problem.n_samples, problem.n_features
    return (7e-11 * n * n * p + 5.6e-9 * n * n) / problem.n_jobs + _ranking(problem, k)


def ivf_seconds(problem, k):
    """Return the seconds that looking through lists is expected to take."""
    n, p = problem.n_samples, problem.n_features
    n_lists = math.sqrt(n)
    scanned = n * (n / n_lists) * min(n_lists, max(16, n_lists / 16))
    return scanned * (2.3e-10 * p + 8.6e-9) / problem.n_jobs + _ranking(problem, k)


def hnsw_seconds(problem, k):
    """Return the seconds that building and following a graph is expected to take."""
    n, p = problem.n_samples, problem.n_features
    return n * math.log(n) * (6.1e-6 + 1.6e-8 * p) / problem.n_jobs + _ranking(problem, k)


def _ranking(problem, k):
    """Return the seconds that measuring the candidates is expected to take."""
    candidates = problem.n_samples * (k + 9)
    return candidates * (7e-10 * problem.n_features + 2.7e-7) / problem.n_jobs
