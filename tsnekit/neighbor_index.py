"""A fitted neighbor search and the neighbors that it found, to be used many times."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from tsnekit.backends import kept_options
from tsnekit.interfaces import NeighborGraph, NeighborSearch, SearchProblem, SupportsQuery
from tsnekit.progress import show_logs
from tsnekit.threads import resolve_n_jobs
from tsnekit.validation import check_data, check_integer, short_repr

__all__ = ["NeighborIndex", "find_index"]


class NeighborIndex:
    """The nearest neighbors of every row of a data set.

    The search is made once, and again only when more neighbors are asked for than it found.

    Parameters
    ----------
    n_samples : int
    graph : NeighborGraph, optional
        Neighbors that are known already.
    search : NeighborSearch, optional
        A search that was fitted to the data. Without it there are no more neighbors than those of
        `graph`, and none of new rows.
    problem : SearchProblem, optional
        What the search was fitted for.
    data : float array or CSR matrix of shape (n_samples, p), optional
        What the search was fitted to, or will be when it is first needed.
    is_fitted : bool, default=True
        Whether the search has been fitted.
    """

    def __init__(
        self,
        n_samples: int,
        *,
        graph: NeighborGraph | None = None,
        search: NeighborSearch | None = None,
        problem: SearchProblem | None = None,
        data: Any = None,
        is_fitted: bool = True,
    ) -> None:
        self.n_samples = n_samples
        self.problem = problem
        self.data = data
        self.search = search
        self._is_fitted = is_fitted
        self._graph = graph

    @property
    def graph(self) -> NeighborGraph | None:
        """The neighbors that are known."""
        return self._graph

    @classmethod
    def fit(cls, X: Any, search: NeighborSearch, problem: SearchProblem) -> NeighborIndex:
        """Fit a search to validated data."""
        return cls(X.shape[0], search=search.fit(X, problem), problem=problem, data=X)

    def extended(self, X: Any) -> NeighborIndex:
        """Return the index of the data and more rows, by a new search of the same kind.

        Raises
        ------
        TypeError, ValueError
            If the rows are not like the data, or there is no data or no way to search it again.
        """
        if self.search is None or self.problem is None or self.data is None:
            raise ValueError("more rows need the data; only a neighbor graph was given")
        X = self._like_data(X)
        if self.problem.sparse:
            from scipy.sparse import vstack

            grown = vstack([self.data, X], format="csr")
        else:
            grown = np.concatenate([self.data, X])
        problem = dataclasses.replace(self.problem, n_samples=grown.shape[0])
        search = type(self.search)(**kept_options(self.search))
        return NeighborIndex.fit(grown, search, problem)

    @classmethod
    def from_graph(cls, graph: NeighborGraph) -> NeighborIndex:
        """Take a graph that was computed elsewhere.

        Raises
        ------
        ValueError
            If its arrays do not fit together, or hold what is no neighbor or no distance.
        """
        indices = np.ascontiguousarray(graph.indices, dtype=np.int32)
        distances = np.ascontiguousarray(graph.distances, dtype=np.float32)
        if indices.ndim != 2 or indices.shape != distances.shape or indices.size == 0:
            raise ValueError(
                "the indices and distances of a neighbor graph must be two arrays of the same "
                f"shape (n, k), got {indices.shape} and {distances.shape}"
            )
        if not ((indices >= 0) & (indices < len(indices))).all():
            raise ValueError(f"the indices of neighbors must be from 0 to {len(indices) - 1}")
        if not (np.isfinite(distances) & (distances >= 0)).all():
            raise ValueError("the distances of a neighbor graph must be finite and not negative")
        return cls(len(indices), graph=NeighborGraph(indices, distances))

    @property
    def n_found(self) -> int:
        """How many neighbors of each row are known."""
        return 0 if self._graph is None else self._graph.indices.shape[1]

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row.

        Raises
        ------
        ValueError
            If there are not so many, or there is only a graph with fewer.
        """
        k = check_integer("k", k, at_least=1)
        if k >= self.n_samples:
            raise ValueError(f"k={k} neighbors need more than {self.n_samples} rows")
        if self._graph is None or self.n_found < k:
            search = self._fitted_search()
            if search is None:
                raise ValueError(
                    f"{k} neighbors of each row are needed, but the given graph has {self.n_found}"
                )
            self._graph = search.neighbors(k)
        if self.n_found == k:
            return self._graph
        return NeighborGraph(
            np.ascontiguousarray(self._graph.indices[:, :k]),
            np.ascontiguousarray(self._graph.distances[:, :k]),
        )

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return the `k` nearest rows of the data for each new row.

        Raises
        ------
        TypeError, ValueError
            If the rows are not like the data, or the search cannot find neighbors of new rows.
        """
        if self.search is None:
            raise ValueError("neighbors of new rows need the data; only a neighbor graph was given")
        if not isinstance(self.search, SupportsQuery):
            raise ValueError(
                f"{type(self.search).__name__} cannot find neighbors of new rows; choose another "
                "neighbor search"
            )
        X = self._like_data(X)
        self._fitted_search()
        return self.search.query(X, min(k, self.n_samples))

    def _fitted_search(self) -> NeighborSearch | None:
        if not self._is_fitted and self.search is not None and self.problem is not None:
            self.search = self.search.fit(self.data, self.problem)
            self._is_fitted = True
            if self.n_found:
                # An approximate search of new rows may go along links that this one leaves.
                self.search.neighbors(self.n_found)
        return self.search

    def _like_data(self, X: Any) -> Any:
        """Return new rows checked, and as sparse or dense as the data."""
        if self.problem is None:
            raise ValueError("neighbors of new rows need the data; only a neighbor graph was given")
        X = check_data(X, name="data", n_features=self.problem.n_features)
        if hasattr(X, "indptr") and not self.problem.sparse:
            return X.toarray()
        if self.problem.sparse and not hasattr(X, "indptr"):
            from scipy.sparse import csr_matrix

            return csr_matrix(X)
        return X


def find_index(
    data: Any,
    knn_index: NeighborIndex | NeighborGraph | None,
    *,
    method: Any,
    metric: Any,
    metric_params: Mapping[str, Any] | None,
    n_jobs: int | None,
    random_state: Any,
    verbose: bool,
    knn_kwargs: Mapping[str, Any] | None,
) -> NeighborIndex:
    """Return the index that was given, or fit one to the data."""
    from tsnekit.pipeline import resolve_search

    if (data is None) == (knn_index is None):
        given = "neither" if data is None else "both"
        raise ValueError(f"give either data or knn_index, got {given}")
    if isinstance(knn_index, NeighborIndex):
        return knn_index
    if isinstance(knn_index, NeighborGraph):
        return NeighborIndex.from_graph(knn_index)
    if knn_index is not None:
        raise TypeError(
            f"knn_index must be a NeighborIndex or a NeighborGraph, got {short_repr(knn_index)}"
        )
    n_jobs = resolve_n_jobs(n_jobs)
    rng = check_random_state(random_state)
    X = check_data(data, name="data")
    with show_logs(verbose):
        backend, problem = resolve_search(
            method,
            X,
            metric=metric,
            metric_params=metric_params,
            params=knn_kwargs,
            n_jobs=n_jobs,
            seed=int(rng.randint(np.iinfo(np.int32).max)),
            verbose=verbose,
        )
        return NeighborIndex.fit(X, backend.instance, problem)
