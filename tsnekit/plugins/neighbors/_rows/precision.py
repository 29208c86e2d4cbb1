"""Distances in float64 from the caller's rows, for the rows that float32 cannot tell apart.

Searches run on rounded rows of float32. The error of each list of neighbors is bounded, and where
the bound is too large for a list, its distances are measured again from the data as it was given.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.blocks import for_blocks, row_blocks
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace

__all__ = ["TOLERANCE", "PreciseLists", "PreciseRows", "order_lists"]

PreciseLists: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float64]]

TOLERANCE = 2.0**-20
"""The largest relative error of a distance that is accepted."""

_BLOCK_BYTES = 4 * 1024**2
_SCAN_BYTES = 32 * 1024**2


class PreciseRows:
    """The rows of the data in float64, and lists of their nearest.

    Distances are those of the kernel of the space: squared Euclidean or Manhattan ones.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, p)
        The data as the caller gave it. It is kept, not copied.
    space : VectorSpace
    n_jobs : int
    """

    def __init__(self, X: Any, space: VectorSpace, n_jobs: int) -> None:
        self._X = X
        self._space = space
        self._n_jobs = n_jobs

    def measure(self, queries: Any, candidates: NDArray[np.int32]) -> PreciseLists:
        """Return the candidates of each query in the order of their distances.

        Parameters
        ----------
        queries : array or CSR matrix of shape (m, p)
        candidates : ndarray of shape (m, c), int32
            Rows of the data, or -1 for none.
        """
        return order_lists(candidates, self.between(queries, candidates))

    def between(self, queries: Any, candidates: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the distance of each query to each of its candidates, infinite for -1."""
        distances = np.empty(candidates.shape)
        is_sparse = hasattr(self._X, "indptr")
        values_per_row = self._X.nnz / self._X.shape[0] if is_sparse else self._X.shape[1]
        row_bytes = 8 * candidates.shape[1] * max(1, int(values_per_row))

        def measure(block: slice) -> None:
            rows = self._space.precise(self._X[candidates[block].ravel()])
            own = self._space.precise(queries[block])
            distances[block] = self._between(own, rows, candidates.shape[1])

        size = max(1, _BLOCK_BYTES // max(1, row_bytes))
        for_blocks(measure, len(candidates), size=size, n_jobs=self._n_jobs, what="measuring again")
        distances[(candidates < 0) | np.isnan(distances)] = np.inf
        return distances

    def nearest(self, queries: Any, k: int, own: NDArray[Any] | None = None) -> PreciseLists:
        """Return the `k` nearest rows of each query, by measuring every pair.

        If the queries are rows of the data, `own` holds their indices. No row is its own neighbor.
        """
        from scipy.spatial.distance import cdist

        name = {"manhattan": "cityblock"}.get(self._space.kernel, self._space.kernel)
        n = self._X.shape[0]
        indices = np.empty((queries.shape[0], k), dtype=np.int32)
        distances = np.empty((queries.shape[0], k))
        is_sparse = hasattr(self._X, "indptr")
        rows = None if is_sparse else self._space.precise(self._X)
        rows_per_part = max(1, _SCAN_BYTES // (8 * self._X.shape[1]))

        def search(block: slice) -> None:
            new = self._space.precise(queries[block])
            if rows is not None:
                found = cdist(new, rows, name)
            else:
                found = np.empty((new.shape[0], n))
                new = new.toarray()
                for part in row_blocks(n, rows_per_part):
                    dense = self._space.precise(self._X[part]).toarray()
                    found[:, part] = cdist(new, dense, name)
            found[np.isnan(found)] = np.inf
            if own is not None:
                found[np.arange(len(found)), own[block]] = np.nan  # after all others
            nearest = np.argpartition(found, k - 1, axis=1)[:, :k]
            indices[block], distances[block] = order_lists(
                nearest, np.take_along_axis(found, nearest, axis=1)
            )

        size = max(1, _SCAN_BYTES // (8 * n))
        for_blocks(search, queries.shape[0], size=size, n_jobs=self._n_jobs, what="measuring again")
        return indices, distances

    def _between(self, queries: Any, rows: Any, width: int) -> NDArray[np.float64]:
        """Return the distances of each query to `width` rows that follow one another."""
        squares = self._space.kernel == "sqeuclidean"
        m = queries.shape[0]
        if hasattr(rows, "indptr"):
            difference = queries[np.repeat(np.arange(m), width)] - rows
            difference.data = difference.data**2 if squares else np.abs(difference.data)
            return np.asarray(difference.sum(axis=1)).reshape(m, width)
        with np.errstate(invalid="ignore", over="ignore"):  # of rows that overflow
            difference = rows.reshape(m, width, -1) - queries[:, None, :]
            if squares:
                return np.asarray(np.einsum("ijk,ijk->ij", difference, difference))
            return np.asarray(np.abs(difference, out=difference).sum(axis=2))


def order_lists(indices: NDArray[Any], distances: NDArray[Any]) -> PreciseLists:
    """Return lists in ascending order, ties by row."""
    order = np.lexsort((indices, distances), axis=1)
    return (
        np.take_along_axis(indices, order, axis=1).astype(np.int32, copy=False),
        np.take_along_axis(distances, order, axis=1),
    )
