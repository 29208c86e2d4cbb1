"""Neighbors, or distances, that were computed elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._base import check_k
from tsnekit.plugins.neighbors._blocks import for_blocks
from tsnekit.plugins.neighbors._lists import Lists, drop_self

__all__ = ["PrecomputedSearch", "StoredDistances"]


class PrecomputedSearch:
    """Reads neighbors off distances that are known already.

    The data is then one of

    - a matrix (n, n) of distances;
    - a sparse matrix (n, n) that holds the distances to some neighbors of each row, a stored zero
      being a distance like any other, as scikit-learn's `kneighbors_graph` and
      `KNeighborsTransformer` make it.

    Distances in a row are from that row; the matrix need not be symmetric, and its diagonal does
    not matter.

    Parameters
    ----------
    graph : (indices, distances), optional
        Two arrays (n, k): the neighbors of each row and their distances, in any order, with or
        without the row itself. They take the place of the data, which may then be anything
        with n rows, in any metric.
    """

    def __init__(self, *, graph: tuple[Any, Any] | None = None) -> None:
        self.graph = graph
        self._lists = None if graph is None else _check_graph(graph)

    def fit(self, X: Any, problem: SearchProblem) -> PrecomputedSearch:
        """Take the distances, or, where a graph was given, only check how many rows there are."""
        self._problem = problem
        if self._lists is not None:
            if X.shape[0] != len(self._lists[0]):
                raise ValueError(
                    f"the neighbor graph has {len(self._lists[0])} rows, the data {X.shape[0]}"
                )
        else:
            if X.shape[0] != X.shape[1]:
                raise ValueError(
                    f"metric='precomputed' needs a square matrix of distances, got {X.shape}"
                )
            _check_distances(X)
        self._X = X
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        n = self._X.shape[0]
        k = check_k(k, n - 1)
        if self._lists is not None:
            return NeighborGraph(*_nearest_others(*self._lists, k))
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
        if self._lists is not None:
            raise ValueError("a neighbor graph has no neighbors of new rows")
        _check_distances(X)
        if self._problem.sparse:
            return NeighborGraph(*_nearest_stored(X, k, drop_diagonal=False))
        return NeighborGraph(*self._nearest(X, k, self_too=False))

    def _nearest(self, X: NDArray[Any], k: int, *, self_too: bool) -> Lists:
        """Return the k smallest distances of each row, a row's own place among them if asked."""
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
        for_blocks(select, X.shape[0], size=size, n_jobs=self._problem.n_jobs)
        return indices, distances


def _check_graph(graph: tuple[Any, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        indices, distances = (np.asarray(part) for part in graph)
    except (TypeError, ValueError):
        raise TypeError("graph must be a pair of arrays (indices, distances)") from None
    if indices.ndim != 2 or indices.shape != distances.shape:
        raise ValueError(
            "graph must be two arrays (n, k) of indices and distances, got shapes "
            f"{indices.shape} and {distances.shape}"
        )
    if not np.issubdtype(indices.dtype, np.integer):
        raise TypeError(f"the indices of graph must be integers, got {indices.dtype}")
    n = len(indices)
    if n and (indices.min() < 0 or indices.max() >= n):
        raise ValueError(f"the indices of graph must be from 0 to {n - 1}")
    ordered = np.sort(indices, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise ValueError("graph must not name a neighbor of a row twice")
    _check_distances(distances)
    return indices, distances


def _check_distances(X: Any) -> None:
    values = X.data if hasattr(X, "indptr") else X
    if values.size and not (np.isfinite(values).all() and values.min() >= 0):
        raise ValueError("distances must be finite and not negative")


def _nearest_others(indices: NDArray[Any], distances: NDArray[Any], k: int) -> Lists:
    """Return the k nearest of each row of a graph that may, or may not, name the row itself."""
    own = indices == np.arange(len(indices))[:, None]
    available = indices.shape[1] - int(own.any())
    if k > available:
        raise ValueError(f"k={k} neighbors are wanted, the graph has {available} of each row")
    distances = np.where(own, np.inf, distances)
    order = np.lexsort((indices, distances), axis=1)[:, :k]
    return (
        np.take_along_axis(indices, order, axis=1).astype(np.int32),
        np.take_along_axis(distances, order, axis=1).astype(np.float32),
    )


def _nearest_stored(X: Any, k: int, *, drop_diagonal: bool) -> Lists:
    """Return the k smallest stored distances of each row of a CSR matrix."""
    stored = StoredDistances(X, drop_diagonal=drop_diagonal)
    counts = stored.counts
    if counts.min() < k:
        raise ValueError(
            f"k={k} neighbors are wanted, but row {int(counts.argmin())} of the sparse matrix "
            f"holds the distances of {counts.min()}"
        )
    return stored.nearest(k)


class StoredDistances:
    """The distances that a CSR matrix holds.

    Parameters
    ----------
    X : CSR matrix of shape (m, n)
    drop_diagonal : bool
        Whether to leave out those of rows to themselves.

    Attributes
    ----------
    counts : ndarray of shape (m,), int
        How many each row has.
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
        """Return the `k` smallest of each row, all of which must have so many."""
        order = np.lexsort((self._columns, self._values, self._rows))
        starts = np.cumsum(self.counts) - self.counts
        places = order[starts[:, None] + np.arange(k)]
        return self._columns[places].astype(np.int32), self._values[places].astype(np.float32)
