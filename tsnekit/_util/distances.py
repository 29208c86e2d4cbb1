"""Distances between rows of data in float64, right for any scale, offset and spread.

Rows are multiplied by a power of two, which rounds nothing, so that squares neither overflow nor
vanish. Every distance that decides something is computed from differences of rows. Products of
matrices are fast, but they cancel where rows are close; they only tell which rows are certainly
nearer than a distance, and which are certainly not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.metrics import (
    canonical_metric,
    check_metric_params,
    metric_name,
    pairwise_of,
    plain_metric,
)
from tsnekit._util.process import without_warnings
from tsnekit._util.rows import (
    TINY,
    Floats,
    dense,
    exponent_of,
    exponents_of_rows,
    roots_of,
    row_blocks,
    row_lengths,
    row_squares,
    times_two_to,
    weighted,
)
from tsnekit.interfaces import Metric

__all__ = [
    "DataDistances",
    "Keys",
    "distances_of",
    "function_of",
    "in_scale",
    "normalized",
    "without_mean",
]

Indices: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Keys:
    """Numbers by which rows can be told to be nearer than a distance, or not to be.

    Parameters
    ----------
    values : ndarray of shape (m, n)
        One for each distance: the distance itself, or about its square less the same for all of
        a row of this array.
    squares : ndarray of shape (m,), optional
        What the squares are less by; None if the values are the distances.
    error : float, default=0
        Largest error of a square, relative to it and to the squared length of the row.
    """

    values: Floats
    squares: Floats | None = None
    error: float = 0.0

    def certain(self, i: int, distances: Floats) -> tuple[Floats, Floats]:
        """Return (lower, upper) for some distances from the i-th row.

        A row whose value is less than `lower` is nearer than the distance, and a row whose value is
        greater than `upper` is not.
        """
        if self.squares is None:
            return distances, distances
        # A row at distance d is no longer than this one and d together: its square is at most
        # 2 (d^2 + own).
        own = self.squares[i]
        square = distances**2
        slack = 2 * self.error * square + (3 * self.error * own + TINY)
        square -= own
        return square - slack, square + slack


class DataDistances(Protocol):
    """The distances between rows of a data set, divided by ``2 ** exponent``."""

    exponent: int

    def keys(self, rows: Indices) -> Keys:
        """Return keys of the distances from some rows to all rows."""
        ...

    def between(self, row: int, others: Indices) -> Floats:
        """Return the exact distances (m,) from one row to some others."""
        ...

    def measured(self, distances: Floats) -> Floats:
        """Turn distances of `between` into values of the metric, in the same order."""
        ...


def distances_of(
    X: Any, metric: Metric, metric_params: Mapping[str, Any] | None = None
) -> DataDistances:
    """Return the distances in a metric.

    Parameters
    ----------
    X : float array or CSR matrix of shape (n, p)
        The data, checked; distances (n, n) where `metric` is "precomputed".
    metric : str or callable
    metric_params : mapping, optional

    Raises
    ------
    ValueError
        If neither SciPy nor scikit-learn has the metric for such data.
    """
    check_metric_params(canonical_metric(metric), metric_params, X.shape[1])
    metric, plain_params = plain_metric(metric, metric_params)
    params = plain_params or {}
    if metric == "precomputed":
        if X.shape[0] != X.shape[1] or hasattr(X, "indptr"):
            raise ValueError("metric='precomputed' needs X to be a dense square matrix")
        return _Table(X)
    if metric in ("euclidean", "sqeuclidean") and not set(params) - {"w"}:
        return _scaled_rows(X, str(metric), params.get("w"))
    if metric in ("cosine", "correlation") and not set(params) - {"w"}:
        return _unit_rows(X, str(metric), params.get("w"))
    return _Computed(X, metric, params)


def in_scale(X: Any) -> Any:
    """Return rows in float64, divided by a power of two, so that squares can be computed."""
    return times_two_to(X, -exponent_of(X))


class _Table:
    """Distances that are given as a matrix.

    Parameters
    ----------
    D : array of shape (n, n)
    """

    exponent = 0

    def __init__(self, D: NDArray[Any]) -> None:
        self._D = D

    def keys(self, rows: Indices) -> Keys:
        return Keys(np.array(self._D[rows], dtype=np.float64))

    def between(self, row: int, others: Indices) -> Floats:
        return np.asarray(self._D[row, others], dtype=np.float64)

    def measured(self, distances: Floats) -> Floats:
        return distances


# -- Euclidean distances between rows, as they are or of unit length ----------------------------


class _Vectors:
    """Euclidean distances, and the metrics that are a multiple of their squares.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, p)
    transform : callable
        Turns rows of `X` into the float64 rows that are compared.
    exponent : int
        See `DataDistances`.
    factor : float, optional
        Factor of the squared Euclidean distance; None for the distance itself.
    """

    def __init__(
        self, X: Any, transform: Callable[[Any], Any], exponent: int, factor: float | None
    ) -> None:
        self.exponent = exponent
        self._X = X
        self._transform = transform
        self._factor = factor
        some = transform(X[:: max(1, X.shape[0] // 1000)])
        self._sparse = hasattr(some, "indptr")
        # Products lose fewer digits for rows around the origin. Outliers do not move a median.
        self._middle = None if self._sparse else np.median(some, axis=0)

    def keys(self, rows: Indices) -> Keys:
        queries = self._centered(rows)
        squares = row_squares(queries)
        queries = queries * -2.0
        n, p = self._X.shape
        values = np.empty((len(rows), n))
        for block in row_blocks(n, p):
            others = self._centered(block)
            if self._sparse:
                values[:, block] = (queries @ others.T).toarray()
            else:
                np.matmul(queries, others.T, out=values[:, block])
            values[:, block] += row_squares(others)
        # Rounding of products and squares, each a sum of p terms.
        return Keys(values, squares, 4 * (p + 4) * np.finfo(float).eps)

    def between(self, row: int, others: Indices) -> Floats:
        own = self._transform(self._X[[row]])
        found = np.empty(len(others))
        for block in row_blocks(len(others), self._X.shape[1]):
            rows = self._transform(self._X[others[block]])
            own_rows = own[np.zeros(rows.shape[0], dtype=int)] if self._sparse else own
            found[block] = row_lengths(rows - own_rows)
        return found

    def measured(self, distances: Floats) -> Floats:
        return distances if self._factor is None else self._factor * distances**2

    def _centered(self, rows: Any) -> Any:
        found = self._transform(self._X[rows])
        return found if self._middle is None else found - self._middle


def _scaled_rows(X: Any, metric: str, weights: Any) -> _Vectors:
    """Return Euclidean distances, or their squares, between rows."""
    exponent = exponent_of(X)
    roots = roots_of(weights, X.shape[1])

    def transform(rows: Any) -> Any:
        return weighted(times_two_to(rows, -exponent), roots)

    if metric == "sqeuclidean":
        return _Vectors(X, transform, 2 * exponent, 1.0)
    return _Vectors(X, transform, exponent, None)


def _unit_rows(X: Any, metric: str, weights: Any) -> _Vectors:
    """Return cosine or correlation distances: half of the squares between rows of unit length."""
    roots = roots_of(weights, X.shape[1])

    def transform(rows: Any) -> Any:
        if metric == "correlation":
            rows = without_mean(dense(rows), weights)
        return normalized(rows, roots)

    return _Vectors(X, transform, 0, 0.5)


def without_mean(rows: Floats, weights: Any) -> Floats:
    """Subtract the mean of each row, up to a factor of its own."""
    rows = times_two_to(rows, -exponents_of_rows(rows))
    largest = np.abs(rows).max(axis=1)
    rows -= np.average(rows, axis=1, weights=weights)[:, None]
    # Only rounding errors remain of a row of equal values.
    rows[np.abs(rows).max(axis=1) <= 1e-14 * largest] = 0.0
    return rows


def normalized(rows: Any, roots: Floats | None) -> Any:
    """Return rows of length 1, with one more column that marks the rows that have no direction.

    Rows without a direction are at a distance of 1 from all others and of 0 from one another.
    """
    rows = weighted(times_two_to(rows, -exponents_of_rows(rows)), roots)
    lengths = np.sqrt(row_squares(rows))
    empty = lengths == 0
    inverse = 1 / np.where(empty, 1.0, lengths)
    if hasattr(rows, "indptr"):
        from scipy import sparse

        mark = sparse.csr_matrix(empty[:, None], dtype=float)
        return sparse.hstack([sparse.diags(inverse) @ rows, mark], format="csr")
    return np.column_stack([rows * inverse[:, None], empty])


# -- Other metrics, as SciPy and scikit-learn define them ---------------------------------------

_OF_DEGREE_ONE = frozenset({"manhattan", "chebyshev", "minkowski", "seuclidean", "mahalanobis"})
_OF_DEGREE_ZERO = frozenset({"canberra", "braycurtis", "jensenshannon"})


class _Computed:
    """Distances of a function of two sets of dense rows.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, p)
    metric : str or callable
    params : dict
    """

    def __init__(self, X: Any, metric: Metric, params: dict[str, Any]) -> None:
        self._X = X
        follows_scale = metric in _OF_DEGREE_ONE
        scale = exponent_of(X) if follows_scale or metric in _OF_DEGREE_ZERO else 0
        in_sparse_rows = hasattr(X, "indptr") and metric == "manhattan" and not params
        self._take: Callable[[Any], Any] = lambda rows: times_two_to(
            X[rows] if in_sparse_rows else dense(X[rows]), -scale
        )
        for name, metric_with_it in (("V", "seuclidean"), ("VI", "mahalanobis")):
            if metric == metric_with_it and name not in params:
                # V and VI follow the scale of the rows, so that the distances do not.
                follows_scale = False
                params[name] = self._covariance(inverse=name == "VI")
        self.exponent = scale if follows_scale else 0
        if in_sparse_rows:
            from sklearn.metrics.pairwise import manhattan_distances

            self._function: Callable[[Any, Any], Floats] = manhattan_distances
        else:
            self._function = function_of(metric, params)
        try:
            self.between(0, np.arange(1, 2))
        except (TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"the metric {metric_name(metric)} cannot be computed for X: {reason}"
            ) from error

    def keys(self, rows: Indices) -> Keys:
        queries = self._take(rows)
        n, p = self._X.shape
        found = np.empty((len(rows), n))
        for block in row_blocks(n, p):
            found[:, block] = self._function(queries, self._take(block))
        return Keys(found)

    def between(self, row: int, others: Indices) -> Floats:
        return self._function(self._take([row]), self._take(others))[0]

    def measured(self, distances: Floats) -> Floats:
        return distances

    def _covariance(self, *, inverse: bool) -> Floats:
        """Return the inverse of the covariance of the columns, or their variances."""
        n, p = self._X.shape
        mean = sum(self._take(block).sum(axis=0) for block in row_blocks(n, p)) / n
        total: Floats = np.zeros((p, p) if inverse else p)
        for block in row_blocks(n, p):
            rows = self._take(block) - mean
            total += rows.T @ rows if inverse else np.einsum("ij,ij->j", rows, rows)
        total /= n - 1
        return np.asarray(np.linalg.inv(total), dtype=np.float64) if inverse else total


def function_of(metric: Metric, params: dict[str, Any]) -> Callable[[Floats, Floats], Floats]:
    """Return the function that computes a metric between dense rows.

    Two rows for which the metric has no value are infinitely far apart.
    """
    from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS, haversine_distances

    all_pairs = pairwise_of(metric)
    if all_pairs is not None:
        compute: Callable[..., Any] = functools.partial(all_pairs, **params)
    elif metric == "minkowski":
        compute = functools.partial(_minkowski, **params)
    elif metric == "haversine":
        compute = functools.partial(haversine_distances, **params)
    else:
        from scipy.spatial.distance import cdist

        name = "cityblock" if metric == "manhattan" else metric
        compute = functools.partial(cdist, metric=name, **params)
    if metric in PAIRWISE_BOOLEAN_FUNCTIONS:
        between_sets = compute
        compute = lambda queries, rows: between_sets(queries != 0, rows != 0)  # noqa: E731

    def function(queries: Floats, rows: Floats) -> Floats:
        with without_warnings():
            found = np.asarray(compute(queries, rows), dtype=np.float64)
        return np.nan_to_num(found, copy=False, nan=np.inf, posinf=np.inf)

    return function


def _minkowski(queries: Floats, rows: Floats, *, p: float, w: Any = None) -> Floats:
    """Return Minkowski distances; powers are taken of numbers up to 1, so that none overflows."""
    if not p > 0:
        raise ValueError(f"p must be greater than 0, got {p!r}")
    weights = np.ones(rows.shape[1]) if w is None else np.asarray(w, dtype=float)
    found = np.empty((len(queries), len(rows)))
    for own, out in zip(queries, found, strict=True):
        for block in row_blocks(*rows.shape):
            differences = np.abs(rows[block] - own)
            largest = differences.max(axis=1)
            differences /= np.where(largest == 0, 1.0, largest)[:, None]
            out[block] = largest * (differences**p @ weights) ** (1 / p)
    return found
