"""Neighbor searches, and known neighbors, under names that code for openTSNE uses.

Each is a `tsnekit.affinity.NeighborIndex`: give it as ``knn_index`` to the classes of
`tsnekit.affinity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.validation import check_integer
from tsnekit.affinity._index import NeighborIndex
from tsnekit.affinity._search import find_index
from tsnekit.interfaces import NeighborGraph

__all__ = [
    "HNSW",
    "Annoy",
    "KNNIndex",
    "NNDescent",
    "PrecomputedDistanceMatrix",
    "PrecomputedNeighbors",
    "Sklearn",
]


class KNNIndex(NeighborIndex):
    """Neighbors of every row of a data set, by a search that tsnekit chooses.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p)
        The data; a float array or CSR matrix is kept without a copy.
    k : int
        How many neighbors `build` returns. Affinities may ask for more.
    metric : str or callable, default="euclidean"
        Metric of the data.
    metric_params : dict, optional
        Keyword arguments of the metric.
    n_jobs : int, default=1
        Number of threads; -1 for all processors.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the search; None draws from ``numpy.random``.
    verbose : bool, default=False
        Whether to show what is done.
    **knn_kwargs
        Options of the search.

    Raises
    ------
    TypeError, ValueError
        If the data or a parameter is not valid.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit.affinity import PerplexityBasedNN
    >>> from tsnekit.nearest_neighbors import Sklearn
    >>> index = Sklearn(load_iris().data, k=30)
    >>> indices, distances = index.build()
    >>> indices.shape
    (150, 30)
    >>> affinities = PerplexityBasedNN(perplexity=10, knn_index=index)
    """

    _method: ClassVar[str] = "auto"

    def __init__(
        self,
        data: Any,
        k: int,
        metric: Any = "euclidean",
        metric_params: Mapping[str, Any] | None = None,
        n_jobs: int | None = 1,
        random_state: Any = None,
        verbose: bool = False,
        **knn_kwargs: Any,
    ) -> None:
        self.k = check_integer("k", k, at_least=1)
        found = find_index(
            data,
            None,
            method=self._method,
            metric=metric,
            metric_params=metric_params,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
            knn_kwargs=knn_kwargs,
        )
        super().__init__(
            found.n_samples, search=found.search, problem=found.problem, data=found.data
        )

    def build(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Search, and return the `k` nearest other rows of each row and their distances."""
        graph = self.neighbors(min(self.k, self.available))
        return graph.indices, graph.distances


class Sklearn(KNNIndex):
    """Exact neighbors: `KNNIndex` with the search ``exact``."""

    _method = "exact"


class Annoy(KNNIndex):
    """Approximate neighbors by Annoy: `KNNIndex` with the search ``annoy``."""

    _method = "annoy"


class NNDescent(KNNIndex):
    """Approximate neighbors by PyNNDescent: `KNNIndex` with the search ``pynndescent``."""

    _method = "pynndescent"


class HNSW(KNNIndex):
    """Approximate neighbors by hnswlib: `KNNIndex` with the search ``hnsw``."""

    _method = "hnsw"


class PrecomputedDistanceMatrix(KNNIndex):
    """Neighbors that are read off a matrix of distances.

    Parameters
    ----------
    distance_matrix : array-like or sparse matrix of shape (n, n)
        Distances of each row to the others; a sparse matrix holds those to some neighbors.
    k : int, optional
        How many neighbors `build` returns, by default as many as each row has.

    Raises
    ------
    TypeError, ValueError
        If `distance_matrix` is not a matrix of distances.
    """

    _method = "precomputed"

    def __init__(self, distance_matrix: Any, k: int | None = None) -> None:
        super().__init__(distance_matrix, 1 if k is None else k, metric="precomputed")
        self._fitted_search()
        if k is None:
            self.k = self.available


class PrecomputedNeighbors(NeighborIndex):
    """Neighbors that were searched elsewhere.

    Parameters
    ----------
    neighbors : array-like of shape (n, k), int
        Neighbors of each row, in any order, with or without the row itself.
    distances : array-like of shape (n, k)
        Their distances.

    Raises
    ------
    TypeError, ValueError
        If they are not a neighbor graph.
    """

    def __init__(self, neighbors: Any, distances: Any) -> None:
        graph = self.from_graph(NeighborGraph(neighbors, distances)).graph
        assert graph is not None
        super().__init__(len(graph.indices), graph=graph)

    def build(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the neighbors of each row and their distances, nearest first."""
        graph = self.neighbors(self.n_found)
        return graph.indices, graph.distances
