"""What searches over rows of float32 have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._lists import Lists, drop_self, rank, scan
from tsnekit.plugins.neighbors._spaces import VectorSpace
from tsnekit.validation import check_integer

__all__ = ["RowSearch", "check_k"]

Search = TypeVar("Search", bound="RowSearch")


def check_k(k: Any, n_available: int) -> int:
    """Return the number of neighbors asked for, checked against how many there are.

    Raises
    ------
    TypeError, ValueError
        If it is no integer, or not from 1 to `n_available`.
    """
    k = check_integer("k", k, at_least=1)
    if k > n_available:
        raise ValueError(f"k must be at most {n_available}, the rows there are, got {k}")
    return k


class RowSearch(ABC):
    """Searches rows of float32 in a metric of `VectorSpace`.

    Whatever finds the neighbors, their distances come from the same kernel, so that all of these
    searches agree to the last bit on a pair of rows.
    """

    _problem: SearchProblem
    _space: VectorSpace
    _rows: NDArray[np.float32]

    def fit(self: Search, X: NDArray[Any], problem: SearchProblem) -> Search:
        """Take the data, an (n, p) array, and the problem to solve on it."""
        self._problem = problem
        self._space = VectorSpace(str(problem.metric))
        self._rows = self._space.fit_rows(X)
        self._prepare()
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        k = check_k(k, len(self._rows) - 1)
        return self._graph(self._search(k), self._rows, k, first=0)

    def query(self, X: NDArray[Any], k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        k = check_k(k, len(self._rows))
        queries = self._space.rows(X)
        return self._graph(self._search_for(queries, k), queries, k, first=-1)

    @abstractmethod
    def _prepare(self) -> None:
        """Set up for `self._rows`."""

    @abstractmethod
    def _search(self, k: int) -> Lists:
        """Return at least k neighbors, among the rows, of each of them, in the kernel's metric."""

    @abstractmethod
    def _search_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        """Return at least k neighbors of each query, in the kernel's metric."""

    def _rank(
        self, queries: NDArray[np.float32], candidates: NDArray[np.int32], k: int, *, first: int
    ) -> Lists:
        """Return the `k` nearest of the candidates of each query, as `rank` does."""
        return rank(
            queries, self._rows, self._space.kernel, candidates, k, self._problem.n_jobs,
            first=first,
        )  # fmt: skip

    def _graph(
        self, lists: Lists, queries: NDArray[np.float32], k: int, *, first: int
    ) -> NeighborGraph:
        indices, distances = lists
        del lists  # wider than k, they can be let go one after the other
        indices = np.ascontiguousarray(indices[:, :k])
        distances = np.ascontiguousarray(distances[:, :k])
        short = np.flatnonzero(indices[:, -1] < 0)
        if len(short):
            # An approximate search may find too few; measuring every pair does not.
            wanted = k if first < 0 else k + 1
            found = scan(
                queries[short], self._rows, self._space.kernel, wanted, self._problem.n_jobs
            )
            indices[short], distances[short] = found if first < 0 else drop_self(*found, short)
            if (indices[short, -1] < 0).any():
                raise ValueError(
                    "some rows have no neighbors: distances to others are NaN or too large for "
                    "single precision"
                )
        return NeighborGraph(indices, self._space.restore(distances))
