"""A neighbor search and the neighbors that it found, to be used many times."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np

from tsnekit._backends.contracts import check_graph, fitted
from tsnekit._backends.measuring import check_distances
from tsnekit._util.locks import Lock
from tsnekit._util.neighbor_graphs import check_neighbor_graph
from tsnekit._util.progress import verbosely
from tsnekit._util.validation import check_column_names, check_data, check_integer
from tsnekit.interfaces import NeighborGraph, NeighborSearch, SearchProblem, SupportsQuery

__all__ = ["NeighborIndex"]


class NeighborIndex:
    """The nearest neighbors of every row of a data set.

    The search runs once, and again only if more neighbors are needed than it found. Several threads
    may use one index at the same time.

    Parameters
    ----------
    n_samples : int
    graph : NeighborGraph, optional
        Neighbors that are known already.
    search : NeighborSearch, optional
        A search, a copy of which is fitted to the data when it is first needed. Without a search,
        only the neighbors of `graph` are known, and none of new rows.
    problem : SearchProblem, optional
        What the search is for. Required with `search`.
    data : float array or CSR matrix of shape (n_samples, p), optional
        The rows to search. Required with `search`; kept, not copied.
    """

    def __init__(
        self,
        n_samples: int,
        *,
        graph: NeighborGraph | None = None,
        search: NeighborSearch | None = None,
        problem: SearchProblem | None = None,
        data: Any = None,
    ) -> None:
        self.n_samples = n_samples
        self.problem = problem
        self.data = data
        self.search = search
        self._fitted: NeighborSearch | None = None
        self._graph = graph
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        with self._lock.held():
            return dict(vars(self))

    def __repr__(self) -> str:
        """Return the search, the number of rows, and how many neighbors are known."""
        by = "given neighbors" if self.search is None else type(self.search).__name__
        return f"<NeighborIndex: {self.n_samples:,} rows, {self.n_found} neighbors, {by}>"

    @property
    def graph(self) -> NeighborGraph | None:
        """The neighbors that are known."""
        return self._graph

    @classmethod
    def fit(cls, X: Any, search: NeighborSearch, problem: SearchProblem) -> NeighborIndex:
        """Fit a copy of a search to validated data."""
        index = NeighborIndex(X.shape[0], search=search, problem=problem, data=X)
        index._fitted_search()
        return index

    def extended(self, X: Any) -> NeighborIndex:
        """Return an index of the data and more rows, with a new search of the same kind.

        Raises
        ------
        TypeError, ValueError
            If the rows do not fit the data, there is no data, or the search cannot be built again.
        """
        if self.search is None or self.problem is None or self.data is None:
            raise ValueError("adding rows needs the data, but only a neighbor graph was given")
        X = self._like_data(X)
        if self.problem.sparse:
            from scipy.sparse import vstack

            grown = vstack([self.data, X], format="csr")
        else:
            grown = np.concatenate([self.data, X])
        problem = dataclasses.replace(self.problem, n_samples=grown.shape[0])
        return NeighborIndex(problem.n_samples, search=self.search, problem=problem, data=grown)

    @classmethod
    def from_graph(cls, graph: NeighborGraph) -> NeighborIndex:
        """Take a graph that was computed elsewhere.

        The neighbors of a row may be in any order, with or without the row itself.

        Raises
        ------
        TypeError, ValueError
            If its arrays do not fit together, a row holds a neighbor twice, an index is not that of
            a row, or a distance is negative or not finite.
        """
        checked = check_neighbor_graph(graph.indices, graph.distances, name="the neighbor graph")
        return NeighborIndex(len(checked.indices), graph=checked)

    @property
    def n_found(self) -> int:
        """How many neighbors of each row are known."""
        return 0 if self._graph is None else self._graph.indices.shape[1]

    @property
    def estimated_recall(self) -> float | None:
        """Share of the true neighbors that the search estimates to have found; None if unknown."""
        recall = getattr(self._fitted, "estimated_recall", None)
        return None if recall is None else float(recall)

    @property
    def available(self) -> int:
        """The largest number of neighbors that each row can have.

        This is the number of other rows, or the number of neighbors in a given graph.
        """
        if self.search is None:
            return self.n_found
        others = self.n_samples - 1
        if not hasattr(type(self.search), "max_neighbors"):
            return others
        search: Any = self._fitted_search()
        return max(1, min(others, search.max_neighbors()))

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row.

        Raises
        ------
        ValueError
            If there are fewer other rows, or a given graph has fewer neighbors.
        ContractError
            If the search returns what its interface does not allow.
        """
        k = check_integer("k", k, at_least=1)
        if k >= self.n_samples:
            raise ValueError(f"k={k} neighbors need more than {self.n_samples} rows")
        with self._lock.held():
            if self._graph is None or self.n_found < k:
                search = self._fitted_search()
                if search is None:
                    raise ValueError(
                        f"{k} neighbors of each row are needed, but the given graph only has "
                        f"{self.n_found}"
                    )
                with verbosely(self._is_verbose):
                    found = search.neighbors(k)
                self._graph = check_graph(
                    found, search, (self.n_samples, k), self.n_samples, own=True
                )
                self._check_distances(self._graph, search, self.data)
            graph = self._graph
        if graph.indices.shape[1] == k:
            return graph
        return NeighborGraph(
            np.ascontiguousarray(graph.indices[:, :k]),
            np.ascontiguousarray(graph.distances[:, :k]),
        )

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return the `k` nearest rows of the data for each new row.

        Raises
        ------
        TypeError, ValueError
            If the rows do not fit the data, or the search cannot find neighbors of new rows.
        """
        if self.search is None:
            raise ValueError("neighbors of new rows need the data; only a neighbor graph was given")
        if not isinstance(self.search, SupportsQuery):
            raise ValueError(
                f"{type(self.search).__name__} cannot find neighbors of new rows; choose another "
                "neighbor search"
            )
        X = self._like_data(X)
        # The first query may prepare the search for queries.
        k = min(k, self.n_samples)
        with self._lock.held(), verbosely(self._is_verbose):
            search: Any = self._fitted_search()
            found: NeighborGraph = search.query(X, k)
        check_graph(found, search, (X.shape[0], k), self.n_samples, own=False)
        self._check_distances(found, search, X)
        return found

    @property
    def _is_verbose(self) -> bool:
        return self.problem is not None and self.problem.verbose

    def _check_distances(self, graph: NeighborGraph, search: NeighborSearch, queries: Any) -> None:
        if self.problem is not None:
            check_distances(graph, search, self.problem, queries, self.data)

    def _fitted_search(self) -> NeighborSearch | None:
        with self._lock.held():
            if self._fitted is None and self.search is not None and self.problem is not None:
                # A copy: the search that was given may serve other data too.
                with verbosely(self._is_verbose):
                    self._fitted = fitted(copy.deepcopy(self.search), self.data, self.problem)
                    if self.n_found:
                        # A search may make links while it searches the data, and use them for new
                        # rows. The neighbors are known here, from a file, but the links are not.
                        self._fitted.neighbors(self.n_found)
            return self._fitted

    def _like_data(self, X: Any) -> Any:
        """Return new rows, checked, and sparse if and only if the data is sparse."""
        if self.problem is None:
            raise ValueError("neighbors of new rows need the data; only a neighbor graph was given")
        check_column_names(X, self.problem.feature_names, name="data")
        X = check_data(
            X,
            name="data",
            n_features=self.problem.n_features,
            keep_zeros=self.problem.metric == "precomputed",
        )
        if hasattr(X, "indptr") and not self.problem.sparse:
            return X.toarray()
        if self.problem.sparse and not hasattr(X, "indptr"):
            from scipy.sparse import csr_matrix

            return csr_matrix(X)
        return X
