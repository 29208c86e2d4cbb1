"""Data beside its map: which neighbors and distances of the one are those of the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from tsnekit.interfaces import Metric, SearchProblem
from tsnekit.metrics import canonical_metric
from tsnekit.validation import check_data, check_integer, check_positions

__all__ = ["Comparison", "sample_rows"]

_BLOCK_BYTES = 32 * 1024**2

Rows = NDArray[np.intp]


class RowDistances(Protocol):
    """Distances from some rows of the data to all, or to some, as a new array."""

    def __call__(self, rows: Rows, others: Rows | None = None) -> NDArray[Any]:
        """Return the distances, (n_rows, n_others)."""
        ...


class Comparison:
    """Data and its map, checked.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        The data; distances (n_samples, n_samples) where `metric` is "precomputed".
    embedding : array-like of shape (n_samples, n_components)
        The map.
    metric : str or callable
        Metric of the data.
    metric_params : mapping, optional
        Keyword arguments of the metric.

    Raises
    ------
    TypeError, ValueError
        If data and map do not fit together, or are not valid.
    """

    def __init__(
        self, X: Any, embedding: Any, metric: Metric, metric_params: Mapping[str, Any] | None
    ) -> None:
        X = check_data(X)
        self.n_samples = X.shape[0]
        if self.n_samples < 3:
            raise ValueError(f"X must have at least 3 rows, got {self.n_samples}")
        self._map = check_positions(
            np.asarray(embedding), name="embedding", n_samples=self.n_samples
        ).astype(float)
        self._distances = _row_distances(X, metric, metric_params)

    def ranks(self, rows: Rows, k: int) -> Rows:
        """Return which neighbors in the data the nearest in the map are.

        Parameters
        ----------
        rows : ndarray of shape (m,), int
        k : int

        Returns
        -------
        ndarray of shape (m, k), int
            Element (i, j) is 1 plus how many rows are nearer in the data to row i than that which
            is its j-th nearest in the map.
        """
        from sklearn.neighbors import NearestNeighbors

        from tsnekit.plugins.neighbors._lists import drop_self

        k = check_integer("n_neighbors", k, at_least=1)
        if k >= self.n_samples:
            raise ValueError(f"n_neighbors must be less than {self.n_samples} rows, got {k}")
        search = NearestNeighbors(n_neighbors=k + 1).fit(self._map)
        distances, indices = search.kneighbors(self._map[rows])
        found = drop_self(indices, distances, rows)[0]
        ranks = np.empty(found.shape, dtype=np.intp)
        size = max(1, _BLOCK_BYTES // (8 * self.n_samples))
        for start in range(0, len(rows), size):
            block = rows[start : start + size]
            D = self._distances(block)
            D[np.arange(len(block)), block] = np.inf
            of_found = np.take_along_axis(D, found[start : start + size], axis=1)
            D.sort(axis=1)
            for i, ordered in enumerate(D):
                ranks[start + i] = 1 + np.searchsorted(ordered, of_found[i])
        return ranks

    def distances(self, rows: Rows) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the distances between all pairs of rows, in the data and in the map."""
        from scipy.spatial.distance import pdist

        square = self._distances(rows, rows)
        return square[np.triu_indices(len(rows), 1)], pdist(self._map[rows])


def sample_rows(n: int, n_sampled: int | None, random_state: Any) -> Rows:
    """Return rows drawn at random, ascending, or all.

    Parameters
    ----------
    n : int
        How many there are.
    n_sampled : int or None
        How many to draw; None for all.
    random_state : int, RandomState or None

    Raises
    ------
    TypeError, ValueError
        If `n_sampled` is not an integer from 2 up.
    """
    if n_sampled is None or check_integer("n_sampled", n_sampled, at_least=2) >= n:
        return np.arange(n)
    chosen = check_random_state(random_state).choice(n, n_sampled, replace=False)
    return np.sort(np.asarray(chosen))


def _row_distances(X: Any, metric: Metric, metric_params: Mapping[str, Any] | None) -> RowDistances:
    metric = canonical_metric(metric)
    sparse = hasattr(X, "indptr")
    if metric == "precomputed":
        if X.shape[0] != X.shape[1] or sparse:
            raise ValueError("metric='precomputed' needs X to be a dense square matrix")
        return _Plain(lambda rows: np.array(X[rows], dtype=float))
    if metric == "euclidean" and not sparse and not metric_params:
        return _Euclidean(X)
    if metric in ("euclidean", "cosine") and not metric_params:
        from sklearn.metrics import pairwise_distances

        return _Plain(lambda rows: pairwise_distances(X[rows], X, metric=metric))
    from tsnekit.plugins.neighbors._pairwise import PairwiseSearch

    problem = SearchProblem(
        n_samples=X.shape[0],
        n_features=X.shape[1],
        metric=metric,
        metric_params=metric_params,
        sparse=sparse,
    )
    search = PairwiseSearch(tree=False).fit(X, problem)
    return _Plain(lambda rows: search.distances(X[rows]))


class _Plain:
    """Distances that can be had from rows to all others only.

    Parameters
    ----------
    to_all : callable
    """

    def __init__(self, to_all: Callable[[Rows], NDArray[Any]]) -> None:
        self._to_all = to_all

    def __call__(self, rows: Rows, others: Rows | None = None) -> NDArray[Any]:
        if others is None:
            return self._to_all(rows)
        found = np.empty((len(rows), len(others)))
        size = 64
        for start in range(0, len(rows), size):
            block = slice(start, start + size)
            found[block] = self._to_all(rows[block])[:, others]
        return found


class _Euclidean:
    """Euclidean distances by products of matrices, in float64 whatever the data is.

    Parameters
    ----------
    X : float array of shape (n, p)
    """

    def __init__(self, X: NDArray[Any]) -> None:
        self._X = X
        # What is subtracted from one another should be no larger than it must be; but whole numbers
        # should stay whole, whose sums are exact, so that equal distances come out as equal.
        self._middle = np.round(X.mean(axis=0, dtype=np.float64))

    def __call__(self, rows: Rows, others: Rows | None = None) -> NDArray[Any]:
        queries = self._X[rows] - self._middle
        X = self._X if others is None else self._X[others]
        found = np.empty((len(rows), len(X)))
        size = max(1, _BLOCK_BYTES // (8 * X.shape[1]))
        for start in range(0, len(X), size):
            block = slice(start, start + size)
            centered = X[block] - self._middle
            found[:, block] = queries @ (-2 * centered.T)
            found[:, block] += np.einsum("ij,ij->i", centered, centered)
        found += np.einsum("ij,ij->i", queries, queries)[:, None]
        return np.sqrt(np.maximum(found, 0, out=found), out=found)
