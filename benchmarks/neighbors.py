"""The search for neighbors, by backend, number of rows, features and neighbors."""

import functools
import pkgutil
import resource

import numpy as np

from tsnekit.interfaces import SearchProblem

from .common import N_JOBS, names, skip_beyond, spec, synthetic_data

MOST_SECONDS = 120.0
"""Searches with a longer expected time are left out."""


def problem(n, p):
    return SearchProblem(n_samples=n, n_features=p, n_jobs=N_JOBS, seed=0)


def expected_seconds(backend, n, p, k):
    """Time that the backend expects for a search; 0 if its spec has no cost."""
    cost = spec("neighbors", backend).cost
    return pkgutil.resolve_name(cost)(problem(n, p), k) if cost else 0.0


@functools.lru_cache(maxsize=1)
def true_neighbors(n, p, k):
    """The neighbors of the first 500 rows."""
    X = synthetic_data(n, p)
    found = spec("neighbors", "exact").load()().fit(X, problem(n, p)).query(X[:500], k + 1).indices
    others = found != np.arange(500)[:, None]
    return [row[keep][:k] for row, keep in zip(found, others, strict=True)]


class Neighbors:
    params = (
        [name for name in names("neighbors") if name != "precomputed"],
        [3_000, 10_000, 70_000, 200_000],
        [20, 50, 784],
        [15, 90],
    )
    param_names = ("backend", "n", "features", "k")
    rounds = 1
    repeat = (2, 4, 120.0)
    number = 1
    warmup_time = 0

    def setup(self, backend, n, p, k):
        self.spec = spec("neighbors", backend)
        skip_beyond(n, n)
        if self.spec.unmet(problem(n, p)) or expected_seconds(backend, n, p, k) > MOST_SECONDS:
            raise NotImplementedError("not supported, or too slow to be of interest")
        self.X = synthetic_data(n, p)

    def search(self, n, p, k):
        return self.spec.load()().fit(self.X, problem(n, p)).neighbors(k)

    def time_search(self, backend, n, p, k):
        self.search(n, p, k)

    def track_recall(self, backend, n, p, k):
        found = self.search(n, p, k).indices[:500]
        truth = true_neighbors(n, p, k)
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(found, truth, strict=True)]))

    track_recall.unit = "share"

    def track_peak_memory(self, backend, n, p, k):
        """Memory of the search in addition to its data, in MB."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.search(n, p, k)
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    track_peak_memory.unit = "MB"


class ExpectedTime:
    """The expected time, by which ``neighbors="fastest"`` chooses."""

    params = Neighbors.params
    param_names = Neighbors.param_names

    def setup(self, backend, n, p, k):
        if spec("neighbors", backend).cost is None:
            raise NotImplementedError

    def track_expected_seconds(self, backend, n, p, k):
        return expected_seconds(backend, n, p, k)

    track_expected_seconds.unit = "s"


class Queries:
    """New rows, searched among 70,000 rows whose neighbors are known."""

    params = (Neighbors.params[0], [1, 10_000])
    param_names = ("backend", "rows")

    def setup(self, backend, m):
        found = spec("neighbors", backend)
        skip_beyond(70_000, 70_000)
        X = synthetic_data(70_000)
        if not found.query or expected_seconds(backend, *X.shape, 90) > MOST_SECONDS:
            raise NotImplementedError("not supported, or too slow to be of interest")
        self.new = X[:m] + np.float32(0.01)
        self.fitted = found.load()().fit(X, problem(*X.shape))
        self.fitted.neighbors(90)

    def time_query(self, backend, m):
        self.fitted.query(self.new, 15)
