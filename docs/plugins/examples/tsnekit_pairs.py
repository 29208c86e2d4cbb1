"""A neighbor search that measures every pair, with SciPy."""

import numpy as np
from scipy.spatial.distance import cdist

from tsnekit.hookspecs import hookimpl
from tsnekit.interfaces import NeighborGraph
from tsnekit.specs import NeighborSpec


@hookimpl
def tsnekit_neighbor_searches():
    """List the searches of this module, and their capabilities."""
    yield NeighborSpec(
        name="pairs",
        factory="tsnekit_pairs:PairSearch",
        summary="every pair, with SciPy",
        metrics=frozenset({"euclidean", "chebyshev"}),
        query=True,
        exact=True,
        deterministic=True,
        recall=1.0,
        cost="tsnekit_pairs:seconds",
    )


def seconds(problem, k):
    """Estimate the time of a search, which makes it a candidate for ``neighbors="fastest"``."""
    # Each pair is measured, and sorted. The two numbers were fitted to measured times.
    return problem.n_samples**2 * (3.2e-10 * problem.n_features + 4.7e-8)


class PairSearch:
    """Sorts the distances of each row to all others."""

    def fit(self, X, problem):
        """Take the data; return self."""
        self.X = X
        self.metric = problem.metric
        return self

    def neighbors(self, k):
        """Return the k nearest other rows of each row."""
        self.check(k, len(self.X) - 1)
        distances = cdist(self.X, self.X, self.metric)
        # A row is left out by its index, because its duplicates are at distance 0, too.
        np.fill_diagonal(distances, np.inf)
        return self.nearest(distances, k)

    def query(self, X, k):
        """Return the k nearest rows of the data for each new row."""
        self.check(k, len(self.X))
        return self.nearest(cdist(X, self.X, self.metric), k)

    @staticmethod
    def check(k, available):
        """Refuse a number of neighbors that is not valid."""
        if not isinstance(k, int | np.integer):
            raise TypeError(f"k must be an integer, got {k!r}")
        if not 1 <= k <= available:
            raise ValueError(f"k must be from 1 to {available}, got {k}")

    @staticmethod
    def nearest(distances, k):
        """Return the k smallest of each row, ascending."""
        indices = np.argsort(distances, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(distances, indices, axis=1)
        return NeighborGraph(
            np.ascontiguousarray(indices, dtype=np.int32),
            np.ascontiguousarray(found, dtype=np.float32),
        )
