"""Exact search over sparse rows, by products of matrices where these are precise enough."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._rows.base import check_finite_lists, check_k
from tsnekit.plugins.neighbors._rows.blocks import for_blocks
from tsnekit.plugins.neighbors._rows.precision import (
    TOLERANCE,
    PreciseLists,
    PreciseRows,
    order_lists,
)
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace

__all__ = ["SparseProducts"]

_BLOCK_BYTES = 32 * 1024**2


class SparseProducts:
    """The true nearest neighbors of CSR rows in a Euclidean metric or by cosine.

    Squared distances are ``x.x + y.y - 2 x.y``, in float64. If the rounding of these terms is too
    large compared with the distance, candidates are measured by differences. If the candidates may
    lack neighbors, every pair is measured by differences.
    """

    METRICS = frozenset({"euclidean", "sqeuclidean", "cosine"})

    def fit(self, X: Any, problem: SearchProblem) -> SparseProducts:
        """Take the data, a CSR matrix (n, p), and the problem to solve on it."""
        self._problem = problem
        self._X = X
        self._space = VectorSpace(str(problem.metric))
        self._rows = self._space.fit_sparse_rows(X)
        self._squares = _squared_lengths(self._rows)
        self._precise = PreciseRows(X, self._space, problem.n_jobs)
        self._most_terms = int(np.diff(self._rows.indptr).max(initial=0))
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        n = self._X.shape[0]
        return self._graph(self._X, self._rows, check_k(k, n - 1), np.arange(n))

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        rows = self._space.shifted(X)
        return self._graph(X, rows, check_k(k, self._X.shape[0]), None)

    def _graph(self, X: Any, rows: Any, k: int, own: NDArray[Any] | None) -> NeighborGraph:
        m, n = X.shape[0], self._X.shape[0]
        width = min(n - (own is not None), k + k // 4 + 16)
        candidates = np.empty((m, width), dtype=np.int32)
        distances = np.empty((m, width))
        squares = _squared_lengths(rows)
        transposed = self._rows.T.tocsc()

        def search(block: slice) -> None:
            found = (rows[block] @ transposed).toarray()
            found *= -2.0
            found += self._squares
            found += squares[block, None]
            np.maximum(found, 0.0, out=found)
            if own is not None:
                found[np.arange(len(found)), own[block]] = np.nan  # after all others
            nearest = np.argpartition(found, width - 1, axis=1)[:, :width]
            candidates[block], distances[block] = order_lists(
                nearest, np.take_along_axis(found, nearest, axis=1)
            )

        size = max(1, _BLOCK_BYTES // (8 * n))
        for_blocks(search, m, size=size, n_jobs=self._problem.n_jobs, what="measuring every pair")
        # The rounding error of sums of products. A longer row adds an error relative to its
        # distance.
        share = 8.0 * (self._most_terms + 4) * 2.0**-53
        lists = self._measure_again(X, (candidates, distances), share, share * squares, k, own)
        with np.errstate(over="ignore", under="ignore"):
            found = self._space.restore(lists[1]).astype(np.float32)
        check_finite_lists(found, self._problem.metric)
        return NeighborGraph(lists[0], found)

    def _measure_again(
        self,
        X: Any,
        lists: PreciseLists,
        share: float,
        errors: NDArray[np.float64],
        k: int,
        own: NDArray[Any] | None,
    ) -> PreciseLists:
        """Return lists of `k` neighbors, measured by differences where products are not precise."""
        candidates, distances = lists
        width, last = candidates.shape[1], distances[:, -1]
        indices = np.ascontiguousarray(candidates[:, :k])
        result = np.ascontiguousarray(distances[:, :k])
        blurred = np.flatnonzero(~(errors <= TOLERANCE * result[:, 0]))
        if not len(blurred):
            return indices, result
        found, measured = self._precise.measure(X[blurred], candidates[blurred])
        indices[blurred], result[blurred] = found[:, :k], measured[:, :k]
        if width == self._X.shape[0] - (own is not None):
            return indices, result
        farthest = np.maximum(last[blurred] * (1 - share) - errors[blurred], 0.0)
        doubtful = blurred[~(result[blurred, -1] * (1 - TOLERANCE) <= farthest)]
        if len(doubtful):
            indices[doubtful], result[doubtful] = self._precise.nearest(
                X[doubtful], k, None if own is None else own[doubtful]
            )
        return indices, result


def _squared_lengths(rows: Any) -> NDArray[np.float64]:
    return np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
