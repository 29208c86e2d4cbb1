"""Neighbors, or distances, that were computed elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._rows.base import check_k
from tsnekit.plugins.neighbors._rows.blocks import for_blocks
from tsnekit.plugins.neighbors._rows.lists import Lists, drop_self
from tsnekit.toolkit import check_distances, check_neighbor_graph

__all__ = ["PrecomputedSearch", "StoredDistances"]

DIAGONAL_TOLERANCE = 1e-3
"""Largest distance of a row to itself, relative to the largest one, that rounding may leave."""


class PrecomputedSearch:
    """Reads neighbors off known distances.

    The data is then one of

    - a matrix (n, n) of distances;
    - a sparse matrix (n, n) that holds the distances to some neighbors of each row, such as that
      of scikit-learn's `kneighbors_graph` and `KNeighborsTransformer`. A stored zero is a distance
      like any other.

    Row i of the matrix holds the distances from row i, and the matrix need not be symmetric. Its
    diagonal must be zero, up to rounding: a row is at distance 0 from itself.

    Parameters
    ----------
    graph : (indices, distances), optional
        Two arrays (n, k): the neighbors of each row and their distances, in any order, with or
        without the row itself. They replace the data, which may then be anything with n rows, in
        any metric.
    """

    def __init__(self, *, graph: tuple[Any, Any] | None = None) -> None:
        self.graph = graph
        self._given = None if graph is None else check_neighbor_graph(*_pair(graph))

    @property
    def has_given_distances(self) -> bool:
        """Whether the distances are those of a given graph, in whatever metric."""
        return self._given is not None

    def fit(self, X: Any, problem: SearchProblem) -> PrecomputedSearch:
        """Take the distances; with a given graph, only check the number of rows."""
        self._problem = problem
        if self._given is not None:
            if X.shape[0] != len(self._given.indices):
                raise ValueError(
                    f"the neighbor graph has {len(self._given.indices)} rows, but the data has "
                    f"{X.shape[0]}"
                )
        else:
            if X.shape[0] != X.shape[1]:
                raise ValueError(
                    f"metric='precomputed' needs a square matrix of distances, got {X.shape}"
                )
            _check_distances(X)
            _check_diagonal(X)
        self._X = X
        return self

    def max_neighbors(self) -> int:
        """Return the largest number of neighbors that every row has."""
        if self._given is not None:
            return self._given.indices.shape[1]
        if self._problem.sparse:
            return int(StoredDistances(self._X, drop_diagonal=True).counts.min())
        return self._X.shape[0] - 1

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        n = self._X.shape[0]
        k = check_k(k, n - 1)
        if self._given is not None:
            available = self.max_neighbors()
            if k > available:
                raise ValueError(
                    f"k={k} neighbors are needed, but the graph only has {available} of each row"
                )
            return NeighborGraph(
                np.ascontiguousarray(self._given.indices[:, :k]),
                np.ascontiguousarray(self._given.distances[:, :k]),
            )
        if self._problem.sparse:
            return NeighborGraph(*_nearest_stored(self._X, k, drop_diagonal=True))
        indices, distances = self._nearest(self._X, k + 1, self_too=True)
        return NeighborGraph(*drop_self(indices, distances, np.arange(n)))

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data.

        `X` holds the distances (m, n) of new rows to those of the data.
        """
        n = self._X.shape[0]
        k = check_k(k, n)
        if self._given is not None:
            raise ValueError(
                "a neighbor graph has no neighbors of new rows; search those in the data instead"
            )
        _check_distances(X)
        if self._problem.sparse:
            return NeighborGraph(*_nearest_stored(X, k, drop_diagonal=False))
        return NeighborGraph(*self._nearest(X, k, self_too=False))

    def _nearest(self, X: NDArray[Any], k: int, *, self_too: bool) -> Lists:
        """Return the k smallest distances of each row, with the row itself if asked."""
        indices = np.empty((X.shape[0], k), dtype=np.int32)
        distances = np.empty((X.shape[0], k), dtype=np.float32)

        def select(block: slice) -> None:
            rows = X[block]
            if self_too:
                rows = rows.copy()
                rows[np.arange(len(rows)), np.arange(block.start, block.stop)] = 0
            found = np.argpartition(rows, k - 1, axis=1)[:, :k]
            nearest = np.take_along_axis(rows, found, axis=1)
            order = np.lexsort((found, nearest), axis=1)
            indices[block] = np.take_along_axis(found, order, axis=1)
            distances[block] = np.take_along_axis(nearest, order, axis=1)

        size = max(1, 4_000_000 // X.shape[1])
        for_blocks(
            select, X.shape[0], size=size, n_jobs=self._problem.n_jobs, what="reading distances"
        )
        return indices, distances


def _pair(graph: tuple[Any, Any]) -> tuple[Any, Any]:
    try:
        indices, distances = graph
    except (TypeError, ValueError):
        raise TypeError("graph must be a pair of arrays (indices, distances)") from None
    return indices, distances


def _check_distances(X: Any) -> None:
    check_distances(X.data if hasattr(X, "indptr") else X)


def _check_diagonal(X: Any) -> None:
    """Check that rows are at distance 0 from themselves, up to rounding."""
    diagonal = np.asarray(X.diagonal())
    row = int(np.argmax(diagonal))
    values = X.data if hasattr(X, "indptr") else X  # a matrix's own `max` would sort it in place
    if diagonal[row] > DIAGONAL_TOLERANCE * values.max(initial=0.0):
        raise ValueError(
            "the diagonal of a matrix of distances must be 0, but row "
            f"{row} is at distance {diagonal[row]:g} from itself. Is it a matrix of similarities? "
            "Otherwise set the diagonal to 0"
        )


def _nearest_stored(X: Any, k: int, *, drop_diagonal: bool) -> Lists:
    """Return the k smallest stored distances of each row of a CSR matrix."""
    stored = StoredDistances(X, drop_diagonal=drop_diagonal)
    counts = stored.counts
    if counts.min() < k:
        raise ValueError(
            f"k={k} neighbors are needed, but row {int(counts.argmin())} of the sparse matrix "
            f"only holds {counts.min()} distances"
        )
    return stored.nearest(k)


class StoredDistances:
    """The distances that a CSR matrix holds.

    Parameters
    ----------
    X : CSR matrix of shape (m, n)
    drop_diagonal : bool
        Whether to leave out the distances of rows to themselves.

    Attributes
    ----------
    counts : ndarray of shape (m,), int
        The number of distances in each row.
    """

    def __init__(self, X: Any, *, drop_diagonal: bool) -> None:
        rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        columns, values = X.indices, X.data
        if drop_diagonal:
            others = columns != rows
            rows, columns, values = rows[others], columns[others], values[others]
        self.counts = np.bincount(rows, minlength=X.shape[0])
        self._rows, self._columns, self._values = rows, columns, values

    def nearest(self, k: int) -> Lists:
        """Return the `k` smallest distances of each row; every row must have so many."""
        order = np.lexsort((self._columns, self._values, self._rows))
        starts = np.cumsum(self.counts) - self.counts
        places = order[starts[:, None] + np.arange(k)]
        return self._columns[places].astype(np.int32), self._values[places].astype(np.float32)
