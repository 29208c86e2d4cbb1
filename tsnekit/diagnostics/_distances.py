"""Distances between rows of data in float64, right for any scale, offset and spread.

Rows are multiplied by a power of two, which rounds nothing, so that squares neither overflow nor
vanish. Every distance that decides something is computed from differences of rows. Products of
matrices are fast, but they cancel where rows are close; they only bound Euclidean distances.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.metrics import canonical_metric, check_metric_params, metric_name
from tsnekit._util.process import without_warnings
from tsnekit.interfaces import Metric

__all__ = ["BLOCK_BYTES", "DataDistances", "distances_of", "in_scale"]

BLOCK_BYTES = 64 * 1024**2
"""Memory for one block of rows or of distances."""

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]


class DataDistances(Protocol):
    """The distances between rows of a data set, divided by ``2 ** exponent``."""

    exponent: int

    def bounds(self, rows: Indices) -> tuple[Floats, Floats]:
        """Return bounds (m, n) of the distances from some rows to all rows.

        Both are the same array if the distances are exact.
        """
        ...

    def between(self, row: int, others: Indices) -> Floats:
        """Return the exact distances (m,) from one row to others, which lie within the bounds."""
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
        The data; distances (n, n) where `metric` is "precomputed".
    metric : str or callable
    metric_params : mapping, optional

    Raises
    ------
    ValueError
        If neither SciPy nor scikit-learn has the metric for such data.
    """
    check_metric_params(canonical_metric(metric), metric_params, X.shape[1])
    metric, params = _plain_name(canonical_metric(metric), dict(metric_params or {}))
    if metric == "precomputed":
        if X.shape[0] != X.shape[1] or hasattr(X, "indptr"):
            raise ValueError("metric='precomputed' needs X to be a dense square matrix")
        return _Table(X)
    if hasattr(X, "indptr") and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    if metric in ("euclidean", "sqeuclidean") and not set(params) - {"w"}:
        return _scaled_rows(X, str(metric), params.get("w"))
    if metric in ("cosine", "correlation") and not set(params) - {"w"}:
        return _unit_rows(X, str(metric), params.get("w"))
    return _Computed(X, metric, params)


def in_scale(X: Any) -> Any:
    """Return rows in float64, divided by a power of two, so that squares can be computed."""
    return _scaled(X, -_exponent(X))


def _plain_name(metric: Metric, params: dict[str, Any]) -> tuple[Metric, dict[str, Any]]:
    """Return the simplest name for a metric, so that each metric has one implementation."""
    if metric == "nan_euclidean" and not params:
        return "euclidean", params  # the data holds no NaN
    if metric == "minkowski" and params.get("p", 2) in (1, 2, math.inf):
        names = {1: "manhattan", 2: "euclidean", math.inf: "chebyshev"}
        return names[params.get("p", 2)], {key: params[key] for key in params if key != "p"}
    return metric, params


class _Table:
    """Distances that are given as a matrix.

    Parameters
    ----------
    D : array of shape (n, n)
    """

    exponent = 0

    def __init__(self, D: NDArray[Any]) -> None:
        self._D = D

    def bounds(self, rows: Indices) -> tuple[Floats, Floats]:
        found = np.array(self._D[rows], dtype=np.float64)
        return found, found

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

    def bounds(self, rows: Indices) -> tuple[Floats, Floats]:
        queries = self._centered(rows)
        lengths = _squares(queries)[:, None]
        n, p = self._X.shape
        low, high = np.empty((2, len(rows), n))
        for block in _blocks(n, p):
            others = self._centered(block)
            total = lengths + _squares(others)
            products = queries @ others.T
            found = total - 2 * (products.toarray() if self._sparse else products)
            # Rounding and underflow change the result by at most this.
            total *= 4 * (p + 4) * np.finfo(float).eps
            total += _TINY
            low[:, block] = np.sqrt(np.maximum(found - total, 0))
            high[:, block] = np.sqrt(np.maximum(found + total, 0))
        return low, high

    def between(self, row: int, others: Indices) -> Floats:
        own = self._transform(self._X[[row]])
        found = np.empty(len(others))
        for block in _blocks(len(others), self._X.shape[1]):
            rows = self._transform(self._X[others[block]])
            own_rows = own[np.zeros(rows.shape[0], dtype=int)] if self._sparse else own
            found[block] = _lengths(rows - own_rows)
        return found

    def measured(self, distances: Floats) -> Floats:
        return distances if self._factor is None else self._factor * distances**2

    def _centered(self, rows: Any) -> Any:
        found = self._transform(self._X[rows])
        return found if self._middle is None else found - self._middle


def _scaled_rows(X: Any, metric: str, weights: Any) -> _Vectors:
    """Return Euclidean distances, or their squares, between rows."""
    exponent = _exponent(X)
    roots = _roots(weights, X.shape[1])

    def transform(rows: Any) -> Any:
        return _times(_scaled(rows, -exponent), roots)

    if metric == "sqeuclidean":
        return _Vectors(X, transform, 2 * exponent, 1.0)
    return _Vectors(X, transform, exponent, None)


def _unit_rows(X: Any, metric: str, weights: Any) -> _Vectors:
    """Return cosine or correlation distances: half of the squares between rows of unit length."""
    roots = _roots(weights, X.shape[1])

    def transform(rows: Any) -> Any:
        if metric == "correlation":
            rows = _without_mean(_dense(rows), weights)
        return _normalized(rows, roots)

    return _Vectors(X, transform, 0, 0.5)


def _without_mean(rows: Floats, weights: Any) -> Floats:
    """Subtract the mean of each row, up to a factor of its own."""
    rows = _scaled(rows, -_exponents_of_rows(rows))
    largest = np.abs(rows).max(axis=1)
    rows -= np.average(rows, axis=1, weights=weights)[:, None]
    # Only rounding errors remain of a row of equal values.
    rows[np.abs(rows).max(axis=1) <= 1e-14 * largest] = 0.0
    return rows


def _normalized(rows: Any, roots: Floats | None) -> Any:
    """Return rows of length 1, with one more column that marks the rows that have no direction.

    Rows without a direction are at a distance of 1 from all others and of 0 from one another.
    """
    rows = _times(_scaled(rows, -_exponents_of_rows(rows)), roots)
    lengths = np.sqrt(_squares(rows))
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
        scale = _exponent(X) if follows_scale or metric in _OF_DEGREE_ZERO else 0
        in_sparse_rows = hasattr(X, "indptr") and metric == "manhattan" and not params
        self._take: Callable[[Any], Any] = lambda rows: _scaled(
            X[rows] if in_sparse_rows else _dense(X[rows]), -scale
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
            self._function = _function(metric, params)
        try:
            self.between(0, np.arange(1, 2))
        except (TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"the metric {metric_name(metric)} cannot be computed for X: {reason}"
            ) from error

    def bounds(self, rows: Indices) -> tuple[Floats, Floats]:
        queries = self._take(rows)
        n, p = self._X.shape
        found = np.empty((len(rows), n))
        for block in _blocks(n, p):
            found[:, block] = self._function(queries, self._take(block))
        return found, found

    def between(self, row: int, others: Indices) -> Floats:
        return self._function(self._take([row]), self._take(others))[0]

    def measured(self, distances: Floats) -> Floats:
        return distances

    def _covariance(self, *, inverse: bool) -> Floats:
        """Return the inverse of the covariance of the columns, or their variances."""
        n, p = self._X.shape
        mean = sum(self._take(block).sum(axis=0) for block in _blocks(n, p)) / n
        total: Floats = np.zeros((p, p) if inverse else p)
        for block in _blocks(n, p):
            rows = self._take(block) - mean
            total += rows.T @ rows if inverse else np.einsum("ij,ij->j", rows, rows)
        total /= n - 1
        return np.asarray(np.linalg.inv(total), dtype=np.float64) if inverse else total


def _function(metric: Metric, params: dict[str, Any]) -> Callable[[Floats, Floats], Floats]:
    """Return the function that computes a metric between dense rows.

    Two rows for which the metric has no value are infinitely far apart.
    """
    from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS, haversine_distances

    if metric == "minkowski":
        compute: Callable[..., Any] = functools.partial(_minkowski, **params)
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
        for block in _blocks(*rows.shape):
            differences = np.abs(rows[block] - own)
            largest = differences.max(axis=1)
            differences /= np.where(largest == 0, 1.0, largest)[:, None]
            out[block] = largest * (differences**p @ weights) ** (1 / p)
    return found


# -- Rows, dense or sparse ----------------------------------------------------------------------

_TINY = 1e-290
"""Sums of squares below this have lost digits by underflow."""


def _blocks(n: int, p: int) -> Iterator[slice]:
    """Yield slices of `n` rows of `p` numbers that fit into the memory for a block."""
    size = max(1, BLOCK_BYTES // (8 * max(p, 1)))
    return (slice(start, start + size) for start in range(0, n, size))


def _dense(rows: Any) -> Any:
    return rows.toarray() if hasattr(rows, "toarray") else rows


def _exponent(X: Any) -> int:
    """Return the exponent of the power of two by which `X` is to be divided.

    The widest column then spans some ``2 ** 400``. Squares do not overflow, and distances that are
    much smaller than the largest keep their digits.
    """
    low, high = (_dense(getattr(X, end)(axis=0)) for end in ("min", "max"))
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    first = math.frexp(max(np.abs(low).max(), np.abs(high).max()))[1]
    # In two steps, since the span of numbers near the largest is infinite.
    span = float((np.ldexp(high, -first) - np.ldexp(low, -first)).max())
    return first + math.frexp(span)[1] - 400 if span else 0


def _exponents_of_rows(rows: Any) -> NDArray[np.intc]:
    largest = np.asarray(_dense(abs(rows).max(axis=1)), dtype=float).ravel()
    return np.frexp(largest)[1][:, None]


def _scaled(rows: Any, exponent: int | NDArray[np.intc]) -> Any:
    """Return rows in float64, multiplied by ``2 ** exponent``; each row may have its exponent."""
    if not hasattr(rows, "indptr"):
        return _times_power(rows, exponent)
    if isinstance(exponent, np.ndarray):
        exponent = np.repeat(exponent.ravel(), np.diff(rows.indptr))
    scaled = rows.astype(np.float64)
    scaled.data = _times_power(scaled.data, exponent)
    return scaled


def _times_power(values: NDArray[Any], exponent: int | NDArray[np.intc]) -> Floats:
    """Return ``values * 2 ** exponent`` in float64, without the slow `numpy.ldexp` if possible."""
    if np.abs(exponent).max(initial=0) > 1000:  # the power itself is out of range
        return np.ldexp(values.astype(np.float64), exponent)
    return np.multiply(values, np.ldexp(1.0, exponent), dtype=np.float64)


def _roots(weights: Any, p: int) -> Floats | None:
    """Return the square roots of the weights of a metric."""
    if weights is None:
        return None
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (p,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"w must be {p} finite weights that are not negative")
    return np.asarray(np.sqrt(weights))


def _times(rows: Any, roots: Floats | None) -> Any:
    if roots is None:
        return rows
    return rows.multiply(roots[None, :]).tocsr() if hasattr(rows, "indptr") else rows * roots


def _squares(rows: Any) -> Floats:
    """Return the sum of squares of each row."""
    if hasattr(rows, "indptr"):
        return np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    return np.asarray(np.einsum("ij,ij->i", rows, rows))


def _lengths(rows: Any) -> Floats:
    """Return the length of each row, however short it is."""
    squares = _squares(rows)
    lengths = np.sqrt(squares)
    short = np.flatnonzero(squares < _TINY)
    if len(short):
        exponents = _exponents_of_rows(rows[short])
        squares = _squares(_scaled(rows[short], -exponents))
        lengths[short] = np.ldexp(np.sqrt(squares), exponents.ravel())
    return lengths
