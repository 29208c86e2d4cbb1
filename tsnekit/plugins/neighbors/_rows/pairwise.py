"""Exact search in any metric of SciPy or scikit-learn, over dense or sparse rows."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import Metric, NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._rows.base import check_finite_lists, check_k
from tsnekit.plugins.neighbors._rows.lists import Lists, drop_self
from tsnekit.plugins.neighbors._rows.precision import PreciseRows
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace
from tsnekit.toolkit import (
    canonical_metric,
    for_blocks,
    metric_name,
    pairwise_of,
    row_blocks,
    without_warnings,
)

__all__ = [
    "CandidateDistances",
    "PairwiseSearch",
    "is_boolean",
    "reference_distances",
    "scipy_has",
    "sklearn_has",
    "try_metric_params",
]

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
    """Return whether a metric compares sets: it only depends on which entries are not zero."""
    from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS

    return metric in PAIRWISE_BOOLEAN_FUNCTIONS


def reference_distances(
    queries: NDArray[Any], rows: NDArray[Any], metric: Metric, **params: Any
) -> NDArray[Any]:
    """Return the distances between dense rows as SciPy defines them, or else as scikit-learn does.

    Equal rows are at distance 0, also in metrics that have no value for rows of zeros or of equal
    values. Different rows for which such a metric has no value are infinitely far apart.
    """
    if isinstance(metric, str) and is_boolean(metric):
        queries, rows = queries.astype(bool, copy=False), rows.astype(bool, copy=False)
    all_pairs = pairwise_of(metric)
    if all_pairs is not None:
        found = np.asarray(all_pairs(queries, rows, **params), dtype=np.float64)
    elif callable(metric) or scipy_has(metric):
        from scipy.spatial.distance import cdist

        name = metric if callable(metric) else _SCIPY_NAMES.get(metric, metric)
        found = cdist(queries, rows, name, **params)
    else:
        from sklearn.metrics import pairwise_distances

        found = pairwise_distances(queries, rows, metric=metric, **params)
    undefined = ~np.isfinite(found)
    if undefined.any():
        for query in np.flatnonzero(undefined.any(axis=1)):
            others = np.flatnonzero(undefined[query])
            equal = (rows[others] == queries[query]).all(axis=1)
            found[query, others] = np.where(equal, 0.0, np.inf)
    return np.asarray(found)


def try_metric_params(X: Any, problem: SearchProblem) -> None:
    """Compute one distance with the parameters of the metric, before any work starts.

    Raises
    ------
    ValueError
        If the parameters do not fit the metric or the data.
    """
    params = dict(problem.metric_params or {})
    if not params:
        return
    rows = X[:2].toarray() if problem.sparse else X[:2]
    try:
        reference_distances(rows[:1], rows[1:], problem.metric, **params)
    except (TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        names = ", ".join(map(repr, params))
        raise ValueError(
            f"metric_params {names} cannot be used with metric {metric_name(problem.metric)}: "
            f"{reason}"
        ) from error


def _is_slow(metric: Any) -> bool:
    """Return whether a metric is a function of two rows in Python, to which threads add nothing."""
    return callable(metric) and pairwise_of(metric) is None


class PairwiseSearch:
    """The true nearest neighbors, from one block of the distance matrix at a time.

    SciPy computes the distances in float64 if it has the metric, and otherwise scikit-learn. For
    sparse rows, scikit-learn computes the distances if it has the metric for them. In other
    metrics, sparse rows are made dense, a block at a time.

    Parameters
    ----------
    tree_leaf : int, optional
        Most rows in a leaf of the tree; without it there is no tree.
    """

    def __init__(self, *, tree_leaf: int | None = None) -> None:
        self._tree_leaf = tree_leaf

    def fit(self, X: Any, problem: SearchProblem) -> PairwiseSearch:
        """Take the data, an (n, p) array or CSR matrix, and the problem to solve on it."""
        self._problem = problem
        self._params = dict(problem.metric_params or {})
        self._is_boolean = is_boolean(problem.metric)
        plain_sparse = problem.sparse and not self._params
        self._unit_space = (
            VectorSpace(str(problem.metric))
            if plain_sparse and problem.metric in ("cosine", "correlation")
            else None
        )
        self._X = self._rows(X)
        if problem.metric == "seuclidean" and "V" not in self._params:
            self._params["V"] = _variances(X)
        if problem.metric == "mahalanobis" and "VI" not in self._params:
            self._params["VI"] = _inverse_covariance(X)
        self._tree = None if self._tree_leaf is None else self._build_tree(self._tree_leaf)
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row."""
        n = self._X.shape[0]
        lists = self._search(self._X, check_k(k, n - 1) + 1)
        return self._graph(drop_self(*lists, np.arange(n)))

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        return self._graph(self._search(self._rows(X), check_k(k, self._X.shape[0])))

    def distances(self, X: Any) -> NDArray[Any]:
        """Return the distances of new rows to those of the data, (m, n)."""
        return self._distances(self._rows(X))

    def _rows(self, X: Any) -> Any:
        if self._is_boolean:
            return X.astype(bool)
        return X

    def _graph(self, lists: Lists) -> NeighborGraph:
        check_finite_lists(lists[1], self._problem.metric)
        return NeighborGraph(*lists)

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
            with np.errstate(over="ignore", under="ignore"):
                distances[block] = np.take_along_axis(nearest, order, axis=1)

        size = 2048 if self._tree is not None else max(1, _BLOCK_BYTES // (8 * n))
        n_jobs = 1 if _is_slow(self._problem.metric) else self._problem.n_jobs
        for_blocks(search, queries.shape[0], size=size, n_jobs=n_jobs, what="measuring every pair")
        return indices, distances

    def _distances(self, queries: Any) -> NDArray[Any]:
        metric = self._problem.metric
        if not self._problem.sparse:
            return reference_distances(queries, self._X, metric, **self._params)
        if sklearn_has(str(metric), True) and not self._params and self._unit_space is None:
            from sklearn.metrics import pairwise_distances

            return pairwise_distances(queries, self._X, metric=metric)
        dense = queries.toarray()
        found = np.empty((queries.shape[0], self._X.shape[0]))
        for block in row_blocks(self._X.shape[0], max(1, _BLOCK_BYTES // (8 * self._X.shape[1]))):
            part = self._X[block].toarray()
            found[:, block] = self._dense_distances(dense, part)
        return found

    def _dense_distances(self, queries: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
        """Return distances between blocks of sparse rows that were made dense."""
        if self._unit_space is None:
            return reference_distances(queries, rows, self._problem.metric, **self._params)
        queries, rows = (self._unit_space.precise(part) for part in (queries, rows))
        return self._unit_space.restore(reference_distances(queries, rows, "sqeuclidean"))

    def _build_tree(self, leaf_size: int) -> Any:
        from sklearn.neighbors import BallTree, KDTree

        tree = BallTree if self._problem.metric == "haversine" else KDTree
        if self._problem.sparse or self._problem.metric not in tree.valid_metrics:
            raise ValueError(
                f"algorithm='tree' has no tree for metric {self._problem.metric!r}"
                + (" and sparse data" if self._problem.sparse else "")
            )
        return tree(self._X, metric=self._problem.metric, leaf_size=leaf_size, **self._params)


class CandidateDistances:
    """Distances in float64 of rows to a few candidates each, in any metric.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, p)
    problem : SearchProblem
    """

    MOST_DENSE = 4e10
    """The most values of all sparse rows that are made dense, for a metric that needs zeros too."""

    # Metrics that do not depend on columns which are zero in both rows.
    _PASS_OVER_ZEROS = frozenset({"chebyshev", "minkowski", "canberra", "braycurtis"})

    def __init__(self, X: Any, problem: SearchProblem) -> None:
        self._X = X
        self._problem = problem
        self._params = dict(problem.metric_params or {})
        self.are_boolean = is_boolean(problem.metric)
        self._precise: PreciseRows | None = None
        self._space: VectorSpace | None = None
        if problem.sparse and problem.metric in ("euclidean", "sqeuclidean", "cosine", "manhattan"):
            self._space = VectorSpace(str(problem.metric))
            self._space.fit_sparse_rows(X)
            self._precise = PreciseRows(X, self._space, problem.n_jobs)

    def measure(self, queries: Any, candidates: NDArray[np.int32]) -> NDArray[np.float64] | None:
        """Return the distance to each candidate (-1 for none); None if it would take too long."""
        if self._precise is not None and self._space is not None:
            return self._space.restore(self._precise.between(queries, candidates))
        passes_over_zeros = self._problem.metric in self._PASS_OVER_ZEROS
        if self._problem.sparse and not passes_over_zeros:
            values = float(candidates.size) * self._X.shape[1]
            if values > self.MOST_DENSE:
                return None
        distances = np.full(candidates.shape, np.inf)

        def measure(block: slice) -> None:
            for row in range(block.start, block.stop):
                known = np.flatnonzero(candidates[row] >= 0)
                if not len(known):
                    continue
                others, query = self._X[candidates[row, known]], queries[row : row + 1]
                if self._problem.sparse:
                    if passes_over_zeros:
                        columns = np.unique(np.concatenate([others.indices, query.indices]))
                        others, query = others[:, columns], query[:, columns]
                    others, query = others.toarray(), query.toarray()
                distances[row, known] = self._to_others(query, others)

        n_jobs = 1 if _is_slow(self._problem.metric) else self._problem.n_jobs
        for_blocks(measure, len(candidates), size=512, n_jobs=n_jobs, what="measuring again")
        return distances

    def _to_others(self, query: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
        metric = self._problem.metric
        if self._problem.sparse and metric == "correlation":
            space = VectorSpace("correlation")
            query, others = space.precise(query), space.precise(others)
            return np.asarray(space.restore(reference_distances(query, others, "sqeuclidean"))[0])
        return np.asarray(reference_distances(query, others, metric, **self._params)[0])


def _variances(X: Any) -> NDArray[np.float64]:
    """Return the variance of each column, none of which may be 0.

    Raises
    ------
    ValueError
        If a column is constant.
    """
    total = np.zeros(X.shape[1])
    for rows in _centered_blocks(X):
        total += np.einsum("ij,ij->j", rows, rows)
    constant = _constant_columns(X)
    if len(constant):
        raise ValueError(
            f"metric 'seuclidean' divides by the variance of each column, but column {constant[0]} "
            "is constant; leave such columns out, or give V in metric_params"
        )
    return total / (X.shape[0] - 1)


def _inverse_covariance(X: Any) -> NDArray[np.float64]:
    """Return the inverse of the covariance of the columns.

    Raises
    ------
    ValueError
        If the covariance has no inverse.
    """
    total = np.zeros((X.shape[1], X.shape[1]))
    for rows in _centered_blocks(X):
        total += rows.T @ rows
    covariance = total / (X.shape[0] - 1)
    constant = _constant_columns(X)
    # The scale of a column must not affect whether other columns count as dependent.
    scale = np.sqrt(np.diag(covariance))
    scale[scale == 0] = 1.0
    if len(constant) or np.linalg.matrix_rank(covariance / np.outer(scale, scale)) < len(scale):
        why = f"column {constant[0]} is constant" if len(constant) else "columns are dependent"
        raise ValueError(
            f"metric 'mahalanobis' needs the inverse of the columns' covariance, but {why}; leave "
            "such columns out, or give VI in metric_params"
        )
    return np.asarray(np.linalg.inv(covariance))


def _constant_columns(X: Any) -> NDArray[np.intp]:
    low, high = (
        bound.toarray().ravel() if hasattr(bound, "toarray") else bound
        for bound in (X.min(axis=0), X.max(axis=0))
    )
    return np.flatnonzero(low == high)


def _centered_blocks(X: Any) -> Iterator[NDArray[np.float64]]:
    """Yield rows of an array or CSR matrix, dense and without the means of the columns.

    Products of rows as they are would cancel where a column is far from 0.
    """
    n, p = X.shape
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).reshape(1, -1)
    for block in row_blocks(n, max(1, _BLOCK_BYTES // (8 * p))):
        rows = X[block].toarray() if hasattr(X, "indptr") else X[block]
        yield rows - mean
