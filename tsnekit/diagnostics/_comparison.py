"""Data compared with its map: ranks of neighbors, and distances of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.distances import DataDistances, Keys, distances_of, in_scale
from tsnekit._util.random_states import as_random_state
from tsnekit._util.rows import BLOCK_BYTES
from tsnekit._util.validation import check_data, check_integer
from tsnekit.interfaces import Metric

__all__ = ["Comparison", "sample_rows"]

Rows = NDArray[np.intp]


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
        positions = check_data(embedding, name="embedding")
        if positions.shape[0] != self.n_samples:
            raise ValueError(
                f"embedding must have one row for each of the {self.n_samples} rows of X, "
                f"got shape {positions.shape}"
            )
        self.data = distances_of(X, metric, metric_params)
        self.map = distances_of(positions, "euclidean")
        self._positions = in_scale(positions)

    def ranks(self, rows: Rows, k: int) -> Rows:
        """Return the ranks in the data of the nearest neighbors in the map.

        Parameters
        ----------
        rows : ndarray of shape (m,), int
        k : int

        Returns
        -------
        ndarray of shape (m, k), int
            Element (i, j) belongs to the j-th nearest neighbor of row i in the map. It is 1 plus
            the number of rows that are nearer to row i in the data than this neighbor.
        """
        k = check_integer("n_neighbors", k, at_least=1)
        if k >= self.n_samples:
            raise ValueError(f"n_neighbors must be less than {self.n_samples} rows, got {k}")
        found = self._nearest_in_map(rows, k)
        ranks = np.empty(found.shape, dtype=np.intp)
        size = max(1, BLOCK_BYTES // (8 * self.n_samples))
        for start in range(0, len(rows), size):
            block = slice(start, start + size)
            keys = self.data.keys(rows[block])
            for i, row in enumerate(rows[block]):
                ranks[start + i] = _ranks_of(found[start + i], row, keys, i, self.data)
        return ranks

    def distances(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the distances between all pairs of rows, in the data and in the map.

        Both are divided by powers of two; see `DataDistances`.
        """
        pairs = [(row, rows[i + 1 :]) for i, row in enumerate(rows[:-1])]
        in_data, in_map = (
            each.measured(np.concatenate([each.between(row, others) for row, others in pairs]))
            for each in (self.data, self.map)
        )
        return in_data, in_map

    def _nearest_in_map(self, rows: Rows, k: int) -> Rows:
        """Return the nearest neighbors of some rows in the map, (m, k)."""
        from sklearn.neighbors import NearestNeighbors

        # A tree computes with differences of positions. Products of matrices would lose digits.
        search = NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree").fit(self._positions)
        found = search.kneighbors(self._positions[rows], return_distance=False)
        # Among equal positions a row need not come first, and it can be absent.
        itself = found == rows[:, None]
        itself[:, -1] |= ~itself.any(axis=1)
        return np.asarray(found[~itself].reshape(len(rows), k))


def _ranks_of(neighbors: Rows, row: int, keys: Keys, i: int, data: DataDistances) -> Rows:
    """Return 1 plus how many rows are nearer to a row than each of its neighbors in the map.

    The keys of the row are `keys.values[i]`, which are used up.
    """
    values = keys.values[i]
    limits = values[neighbors] if keys.squares is None else data.between(row, neighbors)
    lower, upper = keys.certain(i, limits)
    ranks = 1 + np.searchsorted(np.sort(limits), limits)
    values[row] = values[neighbors] = np.inf  # their distances are known
    near = np.flatnonzero(values <= upper.max())
    ordered = np.sort(values[near])
    first = np.searchsorted(ordered, lower)
    ranks += first
    if keys.squares is None:
        return ranks
    last = np.searchsorted(ordered, upper, side="right")
    if (last == first).all():
        return ranks
    # Rows from `first` to `last`, in the order of their keys, may be nearer.
    in_doubt = np.zeros(len(near) + 1, dtype=np.intp)
    np.add.at(in_doubt, first, 1)
    np.add.at(in_doubt, last, -1)
    places = np.flatnonzero(np.cumsum(in_doubt))
    distances = np.empty(len(near))
    distances[places] = data.between(row, near[values[near].argsort()[places]])
    for j in np.flatnonzero(last > first):
        ranks[j] += np.count_nonzero(distances[first[j] : last[j]] < limits[j])
    return ranks


def sample_rows(n: int, n_sampled: int | None, random_state: Any) -> Rows:
    """Return `n_sampled` of `n` rows, drawn at random, in ascending order; all rows for None.

    Raises
    ------
    TypeError, ValueError
        If `n_sampled` is not an integer of at least 2.
    """
    if n_sampled is None or check_integer("n_sampled", n_sampled, at_least=2) >= n:
        return np.arange(n)
    chosen = as_random_state(random_state).choice(n, n_sampled, replace=False)
    return np.sort(np.asarray(chosen))
