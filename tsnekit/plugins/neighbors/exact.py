"""Exact search: every pair by a native kernel, or a tree in few dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._base import RowSearch
from tsnekit.plugins.neighbors._blocks import for_blocks
from tsnekit.plugins.neighbors._lists import Lists, scan
from tsnekit.plugins.neighbors._pairwise import PairwiseSearch, scipy_has, sklearn_has
from tsnekit.plugins.neighbors._spaces import VectorSpace

__all__ = ["ExactSearch", "has_metric"]

_ALGORITHMS = ("auto", "brute", "tree")

TREE_MAX_FEATURES = 5
"""Most features at which a tree is worth asking."""

TREE_MIN_ROWS = 20_000
"""Fewest rows at which a tree is worth building."""

_TREE_METRICS = frozenset({"euclidean", "manhattan", "chebyshev", "minkowski", "haversine"})


def has_metric(name: str, sparse: bool = False) -> bool:
    """Whether SciPy or scikit-learn has a metric of this name."""
    return scipy_has(name) or sklearn_has(name, sparse)


class ExactSearch:
    """The true nearest neighbors.

    Dense rows in the Euclidean, cosine, correlation, Manhattan and Hamming metrics are compared
    by a native kernel. In other metrics, SciPy and scikit-learn compute the distances. Where
    there are many rows of few features a tree is asked instead.

    Parameters
    ----------
    algorithm : {"auto", "brute", "tree"}, default="auto"
        Whether to measure every pair or to build a tree; "auto" takes what is faster.
    """

    def __init__(self, *, algorithm: str = "auto") -> None:
        if algorithm not in _ALGORITHMS:
            raise ValueError(f"algorithm must be one of {_ALGORITHMS}, got {algorithm!r}")
        self.algorithm = algorithm

    def fit(self, X: Any, problem: SearchProblem) -> ExactSearch:
        """Take the data, an (n, p) array or CSR matrix, and the problem to solve on it."""
        n, p = X.shape
        tree_pays = n >= TREE_MIN_ROWS and p <= TREE_MAX_FEATURES and not problem.sparse
        tree = self.algorithm == "tree" or (
            self.algorithm == "auto" and tree_pays and problem.metric in _TREE_METRICS
        )
        in_rows = not problem.sparse and problem.metric in VectorSpace.METRICS
        search = _RowScan if in_rows and not problem.metric_params else PairwiseSearch
        self._search: _RowScan | PairwiseSearch = search(tree=tree).fit(X, problem)
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        return self._search.neighbors(k)

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        return self._search.query(X, k)


class _RowScan(RowSearch):
    """Search over rows of float32, by the native kernel or a k-d tree."""

    def __init__(self, *, tree: bool) -> None:
        self._wants_tree = tree

    def _prepare(self) -> None:
        self._tree: Any = None
        if self._wants_tree:
            from sklearn.neighbors import KDTree

            if self._space.kernel == "hamming":
                raise ValueError("algorithm='tree' has no tree for metric 'hamming'")
            name = self._space.kernel.replace("sqeuclidean", "euclidean")
            self._tree = KDTree(self._rows, metric=name)

    def _search(self, k: int) -> Lists:
        if self._tree is not None:
            return self._ask_tree(self._rows, k, first=0)
        return scan(self._rows, self._rows, self._space.kernel, k, self._problem.n_jobs, first=0)

    def _search_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        if self._tree is not None:
            return self._ask_tree(queries, k, first=-1)
        return scan(queries, self._rows, self._space.kernel, k, self._problem.n_jobs)

    def _ask_tree(self, queries: NDArray[np.float32], k: int, *, first: int) -> Lists:
        candidates = np.empty((len(queries), k if first < 0 else k + 1), dtype=np.int32)

        def ask(block: slice) -> None:
            found = self._tree.query(
                queries[block], k=candidates.shape[1], return_distance=False, sort_results=False
            )
            candidates[block] = found

        for_blocks(ask, len(queries), size=2048, n_jobs=self._problem.n_jobs)
        return self._rank(queries, candidates, k, first=first)
