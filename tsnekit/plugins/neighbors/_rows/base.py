"""Shared code of searches over rows of float32."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._rows.lists import Lists, drop_self, rank, scan
from tsnekit.plugins.neighbors._rows.precision import TOLERANCE, PreciseLists, PreciseRows
from tsnekit.plugins.neighbors._rows.spaces import RoundedRows, VectorSpace
from tsnekit.toolkit import check_integer

__all__ = ["RowSearch", "check_finite_lists", "check_k"]

Search = TypeVar("Search", bound="RowSearch")


def check_k(k: Any, n_available: int) -> int:
    """Return a checked number of neighbors, at most `n_available`.

    Raises
    ------
    TypeError, ValueError
        If `k` is not an integer, or not from 1 to `n_available`.
    """
    k = check_integer("k", k, at_least=1)
    if k > n_available:
        raise ValueError(
            f"k must be at most {n_available}, the number of rows to choose from, got {k}"
        )
    return k


def check_finite_lists(distances: NDArray[np.float32], metric: Any) -> None:
    """Check that each row has enough neighbors at a finite distance.

    Raises
    ------
    ValueError
        If a row does not; the message names the first such row.
    """
    short = np.flatnonzero(~np.isfinite(distances[:, -1]))
    if len(short):
        row = int(short[0])
        known = int(np.isfinite(distances[row]).sum())
        raise ValueError(
            f"row {row} has a finite distance to only {known} other rows, but "
            f"{distances.shape[1]} neighbors are needed: metric {metric!r} is not defined for this "
            "row and the others, or the distances are too large for float32. Leave the row out, "
            "rescale it, or choose another metric"
            + (f" ({len(short)} such rows)" if len(short) > 1 else "")
        )


class RowSearch(ABC):
    """Searches rows of float32 in a metric of `VectorSpace`.

    All of these searches compute distances with the same kernel, so that they agree on each pair of
    rows to the last bit. Lists that may be wrong because of float32 are measured again in float64.
    """

    _problem: SearchProblem
    _space: VectorSpace
    _X: NDArray[Any]
    _rounded: RoundedRows
    _rows: NDArray[np.float32]
    _precise: PreciseRows

    def fit(self: Search, X: NDArray[Any], problem: SearchProblem) -> Search:
        """Take the data, an (n, p) array, and the problem to solve on it."""
        self._problem = problem
        self._X = X
        self._space = VectorSpace(str(problem.metric))
        self._rounded = self._space.fit_rows(X)
        self._rows = self._rounded.values
        self._precise = PreciseRows(X, self._space, problem.n_jobs)
        self._prepare()
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        k = check_k(k, len(self._X) - 1)
        return self._graph(self._search(k), self._X, self._rounded, k, first=0)

    def query(self, X: NDArray[Any], k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        k = check_k(k, len(self._X))
        queries = self._space.rows(X)
        return self._graph(self._search_for(X, queries.values, k), X, queries, k, first=-1)

    @abstractmethod
    def _prepare(self) -> None:
        """Set up for the rows of the data."""

    @abstractmethod
    def _search(self, k: int) -> Lists:
        """Return at least k neighbors, among the rows, of each of them, in the kernel's metric."""

    @abstractmethod
    def _search_for(self, X: NDArray[Any], queries: NDArray[np.float32], k: int) -> Lists:
        """Return at least k neighbors of each query, in the kernel's metric.

        `X` holds the queries as they were given, `queries` the same rows in float32.
        """

    @abstractmethod
    def _is_doubtful(
        self, last: NDArray[Any], kth: NDArray[Any], blur: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Return which lists may lack nearer rows because of float32.

        Parameters
        ----------
        last : ndarray of shape (m,)
            Distance of the last row that float32 found for each list.
        kth : ndarray of shape (m,), float64
            True distance of the last neighbor that is wanted.
        blur : ndarray of shape (m,), float64
            See `VectorSpace.blur`.
        """

    @abstractmethod
    def _search_again(
        self, X: Any, rounded: NDArray[np.float32], k: int, own: NDArray[Any] | None
    ) -> PreciseLists | None:
        """Return better lists for rows with doubtful lists; None if this would take too long.

        If the rows are rows of the data, `own` holds their indices.
        """

    def _rank(
        self, queries: NDArray[np.float32], candidates: NDArray[np.int32], k: int, *, first: int
    ) -> Lists:
        """Return the `k` nearest of the candidates of each query, as `rank` does."""
        return rank(
            queries, self._rows, self._space.kernel, candidates, k, self._problem.n_jobs,
            first=first,
        )  # fmt: skip

    def _graph(
        self, lists: Lists, X: NDArray[Any], rounded: RoundedRows, k: int, *, first: int
    ) -> NeighborGraph:
        wide, wide_distances = lists
        del lists  # the lists are wider than k; now each array can be freed on its own
        self._fill_gaps(wide, wide_distances, rounded.values, k, first=first)
        blur = self._space.blur(rounded)
        blurred = np.flatnonzero(~(blur <= TOLERANCE * self._lengths(wide_distances[:, 0])))
        last = self._lengths(wide_distances[blurred, -1])
        candidates = wide[blurred]
        indices = np.ascontiguousarray(wide[:, :k])
        del wide
        distances = self._space.restore(np.ascontiguousarray(wide_distances[:, :k]))
        del wide_distances
        if len(blurred):
            found, precise = self._measure_again(
                X, rounded.values, blurred, candidates, last, blur[blurred], k, first=first
            )
            indices[blurred] = found
            with np.errstate(over="ignore", under="ignore"):
                distances[blurred] = self._space.restore(precise)
        check_finite_lists(distances, self._problem.metric)
        return NeighborGraph(indices, distances)

    def _fill_gaps(
        self,
        indices: NDArray[np.int32],
        distances: NDArray[np.float32],
        queries: NDArray[np.float32],
        k: int,
        *,
        first: int,
    ) -> None:
        """Measure every pair for rows with too few neighbors."""
        short = np.flatnonzero(indices[:, k - 1] < 0)
        if len(short):
            indices[short, :k], distances[short, :k] = self._scan_rows(
                queries[short], k, None if first < 0 else short
            )

    def _scan_rows(
        self, queries: NDArray[np.float32], k: int, own: NDArray[np.intp] | None
    ) -> Lists:
        """Return the `k` nearest rows of each query, which may be rows of the data themselves."""
        wanted = k if own is None else k + 1
        n_jobs = self._problem.n_jobs
        found = scan(queries, self._rows_of_data, self._space.kernel, wanted, n_jobs)
        return found if own is None else drop_self(*found, own)

    @property
    def _rows_of_data(self) -> NDArray[np.float32]:
        """All rows of the data, to which the indices of lists refer."""
        return self._rounded.values

    def _measure_again(
        self,
        X: NDArray[Any],
        rounded: NDArray[np.float32],
        rows: NDArray[np.intp],
        candidates: NDArray[np.int32],
        last: NDArray[Any],
        blur: NDArray[np.float64],
        k: int,
        *,
        first: int,
    ) -> PreciseLists:
        """Return lists of some rows by true distances, completed where they are doubtful."""
        own = None if first < 0 else rows + first
        found, measured = self._precise.measure(X[rows], candidates)
        indices, distances = found[:, :k], measured[:, :k]
        doubtful = np.flatnonzero(self._is_doubtful(last, self._lengths(distances[:, -1]), blur))
        if len(doubtful):
            again = rows[doubtful]
            better = self._search_again(
                X[again], rounded[again], k, None if own is None else own[doubtful]
            )
            if better is not None:
                indices[doubtful], distances[doubtful] = better
        return indices, distances

    def _lengths(self, distances: NDArray[Any]) -> NDArray[Any]:
        """Return Euclidean distances for squared ones, and others as they are."""
        return np.sqrt(distances) if self._space.kernel == "sqeuclidean" else distances
