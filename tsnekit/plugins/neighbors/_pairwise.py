"""Exact search in whatever metric SciPy or scikit-learn has, over dense or sparse rows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import Metric, NeighborGraph, SearchProblem
from tsnekit.metrics import canonical_metric
from tsnekit.plugins.neighbors._base import check_k
from tsnekit.plugins.neighbors._blocks import for_blocks, row_blocks
from tsnekit.plugins.neighbors._lists import Lists, drop_self
from tsnekit.plugins.neighbors._spaces import unit_rows
from tsnekit.quiet import without_warnings

__all__ = ["PairwiseSearch", "is_boolean", "reference_distances", "scipy_has", "sklearn_has"]

_BLOCK_BYTES = 32 * 1024**2
_SCIPY_NAMES = {"manhattan": "cityblock"}


@functools.cache
def scipy_has(name: str) -> bool:
    """Whether SciPy has a metric of this name."""
    from scipy.spatial.distance import cdist

    some = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=bool)
    try:
        with without_warnings(), np.errstate(all="ignore"):
            cdist(some, some, _SCIPY_NAMES.get(name, name))
    except ValueError:
        return False
    return True


def sklearn_has(name: str, sparse: bool) -> bool:
    """Whether scikit-learn's brute-force search has a metric of this name."""
    from sklearn.neighbors import VALID_METRICS, VALID_METRICS_SPARSE

    known = (VALID_METRICS_SPARSE if sparse else VALID_METRICS)["brute"]
    return name != "precomputed" and name in {canonical_metric(metric) for metric in known}


def is_boolean(metric: Metric) -> bool:
    """Whether a metric is one between sets, for which all that matters is what is not zero."""
    from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS

    return metric in PAIRWISE_BOOLEAN_FUNCTIONS


def reference_distances(
    queries: NDArray[Any], rows: NDArray[Any], metric: Metric, **params: Any
) -> NDArray[Any]:
    """Return the distances between dense rows as SciPy defines them, or else scikit-learn.

    Where a metric has no value, as some have none for rows of zeros, nothing is near.
    """
    if isinstance(metric, str) and is_boolean(metric):
        queries, rows = queries.astype(bool, copy=False), rows.astype(bool, copy=False)
    if callable(metric) or scipy_has(metric):
        from scipy.spatial.distance import cdist

        name = metric if callable(metric) else _SCIPY_NAMES.get(metric, metric)
        found = cdist(queries, rows, name, **params)
    else:
        from sklearn.metrics import pairwise_distances

        found = pairwise_distances(queries, rows, metric=metric, **params)
    return np.nan_to_num(found, copy=False, nan=np.inf, posinf=np.inf)


class PairwiseSearch:
    """The true nearest neighbors, by a block of the distance matrix at a time.

    SciPy computes the distances where it can, in float64; scikit-learn those of the metrics that
    SciPy has not, and those of sparse rows in metrics that it has for them. In other metrics
    sparse rows are made dense, a block at a time.
    """

    def __init__(self, *, tree: bool) -> None:
        self._wants_tree = tree

    def fit(self, X: Any, problem: SearchProblem) -> PairwiseSearch:
        """Take the data, an (n, p) array or CSR matrix, and the problem to solve on it."""
        self._problem = problem
        self._params = dict(problem.metric_params or {})
        self._is_boolean = is_boolean(problem.metric)
        self._in_unit_rows = problem.sparse and problem.metric == "cosine" and not self._params
        self._X = self._rows(X)
        if problem.metric == "seuclidean" and "V" not in self._params:
            self._params["V"] = np.diag(_covariance(X)).copy()
        if problem.metric == "mahalanobis" and "VI" not in self._params:
            self._params["VI"] = np.linalg.inv(_covariance(X))
        self._tree = self._build_tree() if self._wants_tree else None
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row."""
        n = self._X.shape[0]
        lists = self._search(self._X, check_k(k, n - 1) + 1)
        return NeighborGraph(*drop_self(*lists, np.arange(n)))

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        return NeighborGraph(*self._search(self._rows(X), check_k(k, self._X.shape[0])))

    def distances(self, X: Any) -> NDArray[Any]:
        """Return the distances of new rows to those of the data, (m, n)."""
        return self._distances(self._rows(X))

    def _rows(self, X: Any) -> Any:
        if self._is_boolean:
            return X.astype(bool)
        if self._in_unit_rows:
            return unit_rows(X)
        return X

    def _search(self, queries: Any, k: int) -> Lists:
        n = self._X.shape[0]
        indices = np.empty((queries.shape[0], k), dtype=np.int32)
        distances = np.empty((queries.shape[0], k), dtype=np.float32)

        def search(block: slice) -> None:
            if self._tree is not None:
                found, nearest = self._tree.query(queries[block], k=k)[::-1]
            else:
                block_distances = self._distances(queries[block])
                found = np.argpartition(block_distances, k - 1, axis=1)[:, :k]
                nearest = np.take_along_axis(block_distances, found, axis=1)
            order = np.lexsort((found, nearest), axis=1)
            indices[block] = np.take_along_axis(found, order, axis=1)
            distances[block] = np.take_along_axis(nearest, order, axis=1)

        size = 2048 if self._tree is not None else max(1, _BLOCK_BYTES // (8 * n))
        # A function in Python gains nothing from threads.
        n_jobs = 1 if callable(self._problem.metric) else self._problem.n_jobs
        for_blocks(search, queries.shape[0], size=size, n_jobs=n_jobs)
        return indices, distances

    def _distances(self, queries: Any) -> NDArray[Any]:
        metric = self._problem.metric
        if not self._problem.sparse:
            return reference_distances(queries, self._X, metric, **self._params)
        if self._in_unit_rows:
            from sklearn.metrics.pairwise import euclidean_distances

            found = euclidean_distances(queries, self._X, squared=True)
            found *= 0.5
            return found
        if sklearn_has(str(metric), True) and not self._params:
            from sklearn.metrics import pairwise_distances

            return pairwise_distances(queries, self._X, metric=metric)
        dense = queries.toarray()
        found = np.empty((queries.shape[0], self._X.shape[0]))
        for block in row_blocks(self._X.shape[0], max(1, _BLOCK_BYTES // (8 * self._X.shape[1]))):
            part = self._X[block].toarray()
            found[:, block] = reference_distances(dense, part, metric, **self._params)
        return found

    def _build_tree(self) -> Any:
        from sklearn.neighbors import BallTree, KDTree

        tree = BallTree if self._problem.metric == "haversine" else KDTree
        if self._problem.sparse or self._problem.metric not in tree.valid_metrics:
            raise ValueError(
                f"algorithm='tree' has no tree for metric {self._problem.metric!r}"
                + (" and sparse data" if self._problem.sparse else "")
            )
        return tree(self._X, metric=self._problem.metric, **self._params)


def _covariance(X: Any) -> NDArray[np.float64]:
    """Return the covariance of the columns of an array or CSR matrix."""
    n = X.shape[0]
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).reshape(1, -1)
    if hasattr(X, "indptr"):
        X = X.astype(np.float64)
        return ((X.T @ X).toarray() - n * mean.T @ mean) / (n - 1)
    centered = X - mean
    return centered.T @ centered / (n - 1)
