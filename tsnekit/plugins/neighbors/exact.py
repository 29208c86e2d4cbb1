"""Exact search: every pair by a native kernel, or a tree in few dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._rows.base import RowSearch
from tsnekit.plugins.neighbors._rows.blocks import for_blocks
from tsnekit.plugins.neighbors._rows.lists import Lists, scan
from tsnekit.plugins.neighbors._rows.pairwise import (
    PairwiseSearch,
    scipy_has,
    sklearn_has,
    try_metric_params,
)
from tsnekit.plugins.neighbors._rows.precision import TOLERANCE, PreciseLists
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace
from tsnekit.plugins.neighbors._rows.sparse_products import SparseProducts
from tsnekit.toolkit import check_integer

__all__ = ["ExactSearch", "has_metric"]

_ALGORITHMS = ("auto", "brute", "tree")

TREE_MAX_FEATURES = 5
"""The most features for which a tree saves time."""

TREE_MIN_ROWS = 20_000
"""The fewest rows for which a tree saves time."""

_TREE_METRICS = frozenset({"euclidean", "manhattan", "chebyshev", "minkowski", "haversine"})


def has_metric(name: str, sparse: bool = False) -> bool:
    """Whether SciPy or scikit-learn has a metric of this name."""
    return scipy_has(name) or sklearn_has(name, sparse)


class ExactSearch:
    """The true nearest neighbors.

    Dense rows in the Euclidean, cosine, correlation, Manhattan and Hamming metrics are compared by
    a native kernel. In other metrics, SciPy and scikit-learn compute the distances. For many rows
    of few features, a tree finds the neighbors instead.

    Parameters
    ----------
    algorithm : {"auto", "brute", "tree"}, default="auto"
        Whether to measure every pair or to build a tree; "auto" takes what is faster.
    leaf_size : int, default=40
        Most rows in a leaf of a tree. It changes the time that a search takes, not its result.
    """

    def __init__(self, *, algorithm: str = "auto", leaf_size: int = 40) -> None:
        if algorithm not in _ALGORITHMS:
            raise ValueError(f"algorithm must be one of {_ALGORITHMS}, got {algorithm!r}")
        self.algorithm = algorithm
        self.leaf_size = check_integer("leaf_size", leaf_size, at_least=1)

    def fit(self, X: Any, problem: SearchProblem) -> ExactSearch:
        """Take the data, an (n, p) array or CSR matrix, and the problem to solve on it."""
        try_metric_params(X, problem)
        n, p = X.shape
        tree_pays = n >= TREE_MIN_ROWS and p <= TREE_MAX_FEATURES and not problem.sparse
        tree = self.algorithm == "tree" or (
            self.algorithm == "auto" and tree_pays and problem.metric in _TREE_METRICS
        )
        self._search = self._plain_search(problem, self.leaf_size if tree else None).fit(X, problem)
        return self

    def _plain_search(self, problem: SearchProblem, tree_leaf: int | None) -> Any:
        """Return the search to use, not yet fitted."""
        if problem.metric_params or (problem.sparse and tree_leaf is not None):
            return PairwiseSearch(tree_leaf=tree_leaf)
        if problem.sparse and problem.metric in SparseProducts.METRICS:
            return SparseProducts()
        if not problem.sparse and problem.metric in VectorSpace.METRICS:
            return _RowScan(tree_leaf=tree_leaf)
        return PairwiseSearch(tree_leaf=tree_leaf)

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        return self._search.neighbors(k)

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        return self._search.query(X, k)


class _RowScan(RowSearch):
    """Search over rows of float32, by the native kernel or a k-d tree.

    Parameters
    ----------
    tree_leaf : int, optional
        Most rows in a leaf of the tree; without it there is no tree.
    """

    HOPELESS = 2.0**-5
    """Error of float32, relative to the last neighbor, at which wider lists would not help."""

    def __init__(self, *, tree_leaf: int | None) -> None:
        self._tree_leaf = tree_leaf

    def _prepare(self) -> None:
        self._tree: Any = None
        if self._tree_leaf is not None:
            from sklearn.neighbors import KDTree

            if self._space.kernel == "hamming":
                raise ValueError("algorithm='tree' has no tree for metric 'hamming'; use 'brute'")
            name = self._space.kernel.replace("sqeuclidean", "euclidean")
            # The tree holds rows in float64, so that its results need no second measurement.
            rows = self._space.precise(self._X)
            self._tree = KDTree(rows, metric=name, leaf_size=self._tree_leaf)

    def _search(self, k: int) -> Lists:
        if self._tree is not None:
            return self._ask_tree(self._X, self._rows, k, first=0)
        return scan(self._rows, self._rows, self._space.kernel, k, self._problem.n_jobs, first=0)

    def _search_for(self, X: NDArray[Any], queries: NDArray[np.float32], k: int) -> Lists:
        if self._tree is not None:
            return self._ask_tree(X, queries, k, first=-1)
        return scan(queries, self._rows, self._space.kernel, k, self._problem.n_jobs)

    def _ask_tree(
        self, X: NDArray[Any], queries: NDArray[np.float32], k: int, *, first: int
    ) -> Lists:
        candidates = np.empty((len(queries), k if first < 0 else k + 1), dtype=np.int32)

        def ask(block: slice) -> None:
            found = self._tree.query(
                self._space.precise(X[block]), k=candidates.shape[1], return_distance=False,
                sort_results=False,
            )  # fmt: skip
            candidates[block] = found

        for_blocks(
            ask, len(queries), size=2048, n_jobs=self._problem.n_jobs, what="asking the tree"
        )
        return self._rank(queries, candidates, k, first=first)

    def _is_doubtful(
        self, last: NDArray[Any], kth: NDArray[Any], blur: NDArray[Any]
    ) -> NDArray[np.bool_]:
        if self._tree is not None:
            return np.zeros(len(last), dtype=bool)
        # The error of sums of p terms in float32, where a few terms are added at a time.
        sums = (self._X.shape[1] / 4 + 16) * 2.0**-24
        farthest = np.asarray(last, dtype=np.float64) - blur
        return np.asarray(~(kth * (1 - TOLERANCE - 2 * sums) <= np.maximum(farthest, 0.0)))

    def _search_again(
        self, X: Any, rounded: NDArray[np.float32], k: int, own: NDArray[Any] | None
    ) -> PreciseLists | None:
        """Measure more candidates of each row and, where this does not settle it, every pair."""
        n = len(self._rows) - (own is not None)
        wide, distances = self._scan_rows(rounded, min(n, k + k // 4 + 16), own)
        blur = self._space.blur(self._space.rows(X))
        last = self._lengths(distances[:, -1])
        hopeful = np.flatnonzero(blur <= self.HOPELESS * last)
        indices, precise = np.empty((len(X), k), dtype=np.int32), np.empty((len(X), k))
        is_settled = np.zeros(len(X), dtype=bool)
        if len(hopeful):
            found, measured = self._precise.measure(X[hopeful], wide[hopeful])
            indices[hopeful], precise[hopeful] = found[:, :k], measured[:, :k]
            kth = self._lengths(precise[hopeful, -1])
            is_settled[hopeful] = (wide.shape[1] == n) | ~self._is_doubtful(
                last[hopeful], kth, blur[hopeful]
            )
        rest = np.flatnonzero(~is_settled)
        if len(rest):
            indices[rest], precise[rest] = self._precise.nearest(
                X[rest], k, None if own is None else own[rest]
            )
        return indices, precise
