"""Rows of float32, transformed so that every backend can compute their distances fast.

Cosine and correlation distances are half of squared Euclidean distances between rows of unit
length. A search for Euclidean neighbors therefore serves them too, and it tells rows apart that
``1 - cos`` cannot.

Rows are scaled by a power of two and shifted before they are rounded to float32. Each rounded row
comes with a bound on its error, from which `tsnekit.plugins.neighbors._rows.precision` judges
whether float32 can tell the neighbors of a row apart.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.toolkit import row_blocks

__all__ = ["RoundedRows", "VectorSpace", "unit_rows"]

_KERNELS = {
    "euclidean": "sqeuclidean",
    "sqeuclidean": "sqeuclidean",
    "cosine": "sqeuclidean",
    "correlation": "sqeuclidean",
    "manhattan": "manhattan",
    "hamming": "hamming",
}

# Data is not scaled if its typical rows are of a size between these two: squares, and sums of
# squares, are then far from the ends of the range of float32. The upper size is also the largest
# entry that a row may have.
_SAFE = 2.0**-24, 2.0**54

# The largest error of float32, relative to the number that is rounded.
_ROUNDING = 2.0**-24

# Squares below the normal numbers of float32 have an error of at most the square of this.
_UNDERFLOW = 2.0**-63

_ROWS_PER_BLOCK = 4096


@dataclass(frozen=True)
class RoundedRows:
    """Rows of float32, and a bound on the distance of each from its original row.

    Parameters
    ----------
    values : ndarray of shape (n, p), float32
        C-contiguous.
    errors : ndarray of shape (n,), float64
        Distances from the rows before rounding, in the norm of the kernel.
    """

    values: NDArray[np.float32]
    errors: NDArray[np.float64]


class VectorSpace:
    """A metric, computed as a simpler metric between transformed rows.

    Parameters
    ----------
    metric : str
        One of `VectorSpace.METRICS`.

    Attributes
    ----------
    kernel : {"sqeuclidean", "manhattan", "hamming"}
        The metric between the transformed rows; "hamming" counts the places that differ.
    """

    METRICS = frozenset(_KERNELS)

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.kernel = _KERNELS[metric]
        self._offset: NDArray[np.float64] | None = None
        self._exponent = 0
        self._values: NDArray[np.float64] | None = None
        self._n_features = 1
        self._largest_error = 0.0

    @property
    def _is_homogeneous(self) -> bool:
        """Whether a shift of all rows keeps distances, and a factor of all rows multiplies them."""
        return self.metric in ("euclidean", "sqeuclidean", "manhattan")

    def fit_rows(self, X: NDArray[Any]) -> RoundedRows:
        """Learn what the transformation needs from the data and return its rows."""
        self._n_features = X.shape[1]
        if self._is_homogeneous:
            sample = X[:: max(1, len(X) // 1000)].astype(np.float64)
            if X.dtype != np.float32:
                # A median, since an outlier must not change the shift. float32 rows need no shift:
                # their differences are exact enough.
                self._offset = np.median(sample, axis=0)
                with np.errstate(over="ignore"):
                    sample -= self._offset
            self._exponent = _safe_exponent(sample, X)
        if X.dtype != np.float32 and self.metric == "hamming":
            self._values = np.unique(X)
        rows = self.rows(X)
        self._largest_error = float(rows.errors.max(initial=0.0))
        return rows

    def rows(self, X: NDArray[Any]) -> RoundedRows:
        """Return transformed rows, or `X` itself if no change is needed."""
        if self.metric in ("cosine", "correlation"):
            return self._rounded(X, (len(X), X.shape[1] + 1))
        if self._is_homogeneous:
            if X.dtype == np.float32 and self._offset is None and self._exponent == 0:
                low, high = (float(bound(initial=0.0)) for bound in (X.min, X.max))
                if -_SAFE[1] <= low and high <= _SAFE[1]:
                    return RoundedRows(np.ascontiguousarray(X), np.zeros(len(X)))
            return self._rounded(X, X.shape)
        if self._values is not None:
            codes = np.searchsorted(self._values, X)
            known = self._values[np.minimum(codes, len(self._values) - 1)] == X
            X = np.where(known, codes, len(self._values))
        return RoundedRows(np.ascontiguousarray(X, dtype=np.float32), np.zeros(len(X)))

    def fit_sparse_rows(self, X: Any) -> Any:
        """Learn what the transformation needs from a CSR matrix and return its `shifted` rows."""
        if self._is_homogeneous:
            offset = _full_column_medians(X)
            self._offset = offset if offset.any() else None
            shifted = self.shifted(X)
            sizes = np.zeros(X.shape[0])
            row = np.repeat(np.arange(X.shape[0]), np.diff(shifted.indptr))
            np.maximum.at(sizes, row, np.abs(shifted.data))
            self._exponent = _exponent_for(sizes)
        return self.shifted(X)

    def shifted(self, X: Any) -> Any:
        """Return rows of a CSR matrix in float64, shifted towards the origin but still sparse."""
        if self._offset is not None:
            from scipy import sparse

            columns = np.flatnonzero(self._offset)
            shape = (X.shape[0], len(columns))
            offset = sparse.csr_matrix(
                (
                    np.tile(self._offset[columns], shape[0]),
                    np.tile(columns, shape[0]),
                    np.arange(shape[0] + 1) * shape[1],
                ),
                shape=X.shape,
            )
            X = X.astype(np.float64) - offset
        return self.precise(X)

    def precise(self, X: Any) -> Any:
        """Return transformed rows in float64, dense or CSR, for which the kernel is the metric."""
        if self.metric in ("cosine", "correlation"):
            return unit_rows(X, centered=self.metric == "correlation")
        X = X.astype(np.float64, copy=False)
        if not self._exponent:
            return X
        with np.errstate(over="ignore"):
            if hasattr(X, "indptr"):
                X = X.copy()
                X.data = np.ldexp(X.data, self._exponent)
                return X
            return np.ldexp(X, self._exponent)

    def blur(self, rows: RoundedRows) -> NDArray[np.float64]:
        """Return bounds on the errors of the distances from some rows to those of the data.

        The bound of a row is the largest difference between a true distance d and the distance
        between the rounded rows, except for a rounding error that is relative to d. Distances are
        Euclidean, Manhattan, or counts.
        """
        if self.metric == "hamming":
            return np.zeros(len(rows.values))
        squares = self.kernel == "sqeuclidean"
        other = np.full(len(rows.values), self._largest_error)
        if self._largest_error > 0:
            # The length of a row of the data at distance d is at most the length of this row plus
            # d. The error of the other row is therefore a share of this row's length, plus a
            # negligible share of d.
            for block in row_blocks(len(rows.values), _ROWS_PER_BLOCK):
                part = rows.values[block].astype(np.float64)
                length = _norms(part, squares=squares)
                other[block] = np.minimum(other[block], 1.01 * _ROUNDING * length)
        underflow = math.sqrt(self._n_features) * _UNDERFLOW if squares else 0.0
        errors: NDArray[np.float64] = rows.errors + other + underflow
        return errors

    def restore(self, distances: NDArray[Any]) -> NDArray[Any]:
        """Turn distances of the kernel into true ones, in place."""
        if self.metric == "euclidean":
            np.sqrt(distances, out=distances)
        elif self.metric in ("cosine", "correlation"):
            distances *= np.float32(0.5)
        elif self.metric == "hamming":
            distances /= np.float32(self._n_features)
        if self._exponent:
            back = -self._exponent * (2 if self.metric == "sqeuclidean" else 1)
            with np.errstate(over="ignore", under="ignore"):
                np.ldexp(distances, back, out=distances)
        return distances

    def unscaled(self, distances: NDArray[Any], metric: str) -> NDArray[np.float64]:
        """Return distances between scaled rows in the units of the given rows."""
        back = -self._exponent * (2 if metric == "sqeuclidean" else 1)
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.ldexp(distances.astype(np.float64), back))

    def _rounded(self, X: NDArray[Any], shape: tuple[int, int]) -> RoundedRows:
        values = np.empty(shape, dtype=np.float32)
        errors = np.empty(len(X))
        squares = self.kernel == "sqeuclidean"
        for block in row_blocks(len(X), _ROWS_PER_BLOCK):
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                rows = X[block]
                if self._offset is not None:
                    rows = rows - self._offset
                rows = self.precise(rows)
                # Clipped rows are still far from all others, but not infinitely far.
                values[block] = np.clip(rows, -_SAFE[1], _SAFE[1])
                errors[block] = _norms(rows - values[block], squares=squares)
                if self._offset is not None:  # the shift is rounded too, to float64
                    errors[block] += 2.0**-52 * _norms(rows, squares=squares)
        return RoundedRows(values, errors)


def _norms(rows: NDArray[np.float64], *, squares: bool) -> NDArray[np.float64]:
    """Return the Euclidean or the Manhattan length of rows."""
    if not squares:
        return np.asarray(np.abs(rows).sum(axis=1))
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)))


def _safe_exponent(sample: NDArray[np.float64], X: NDArray[Any]) -> int:
    """Return the exponent of the power of 2 that scales dense data, from a shifted sample."""
    exponent_of = np.abs(sample).max(axis=1, initial=0.0)
    if not exponent_of.any():
        # All rows of the sample are equal, so that the other rows decide.
        exponent_of = np.abs(X).max(axis=1, initial=0.0).astype(np.float64)
    return _exponent_for(exponent_of)


def _exponent_for(sizes: NDArray[np.float64]) -> int:
    """Return the exponent of the power of 2 with which squares neither overflow nor vanish.

    It is 0 if rows need no scale. The size of most rows decides: a scale for a few huge rows would
    make the squares of the others vanish.
    """
    sizes = np.minimum(sizes[sizes > 0], sys.float_info.max)
    typical = float(np.quantile(sizes, 0.9)) if len(sizes) else 0.0
    if typical == 0 or _SAFE[0] <= typical <= _SAFE[1]:
        return 0
    return -math.frexp(typical)[1]


def _full_column_medians(X: Any) -> NDArray[np.float64]:
    """Return the medians of the columns of a CSR matrix, of a sample of rows.

    The median of a column with more zeros than other entries is 0. A shift by the medians therefore
    at most doubles the number of entries.
    """
    sample = X[:: max(1, X.shape[0] // 1000)]
    n = sample.shape[0]
    medians = np.zeros(X.shape[1])
    counts = np.bincount(sample.indices, minlength=X.shape[1])
    columns = np.flatnonzero(2 * counts > n)
    if len(columns):
        columns_of_sample = sample.tocsc()
        for column in columns:
            values = np.zeros(n)
            stored = columns_of_sample.data[
                columns_of_sample.indptr[column] : columns_of_sample.indptr[column + 1]
            ]
            values[: len(stored)] = stored
            medians[column] = np.median(values)
    return medians


def unit_rows(X: Any, *, centered: bool = False) -> Any:
    """Return rows of length 1, with one more column that marks rows of zeros.

    The cosine of a row of zeros is undefined; the column puts such rows at a distance of 1 from
    all others and of 0 from one another.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, p)
    centered : bool, default=False
        Whether to subtract the mean of each row first; for arrays only.

    Returns
    -------
    array or CSR matrix of shape (n, p + 1), float64
    """
    if hasattr(X, "indptr"):
        return _unit_sparse_rows(X)
    out = np.empty((X.shape[0], X.shape[1] + 1))
    for block in row_blocks(X.shape[0], _ROWS_PER_BLOCK):
        rows = out[block, :-1]
        rows[...] = X[block]
        if centered:
            _center(rows)
        out[block, -1] = _scale_to_one(rows, np.abs(rows).max(axis=1))
    return out


def _center(rows: NDArray[np.float64]) -> None:
    """Subtract the mean of each row, in place."""
    largest = np.abs(rows).max(axis=1)
    factor = _power_of_two(largest)[:, None]
    rows *= factor  # so that sums do not overflow
    rows -= rows.mean(axis=1, keepdims=True)
    # The first mean is rounded. Its error matters in rows that vary little.
    rows -= rows.mean(axis=1, keepdims=True)
    # Only rounding errors remain of a row of equal values.
    rows[np.abs(rows).max(axis=1) <= 1e-14 * largest * factor[:, 0]] = 0.0


def _scale_to_one(rows: NDArray[np.float64], largest: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Divide rows by their lengths in place, and return which are rows of zeros."""
    zero = largest == 0.0
    # Scaled first, so that squares neither overflow nor vanish.
    rows *= _power_of_two(largest)[:, None]
    length = _norms(rows, squares=True)
    rows /= np.where(zero, 1.0, length)[:, None]
    return np.asarray(zero)


def _power_of_two(largest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return factors by which the largest values of rows are of the order of 1."""
    exponents = np.clip(-np.frexp(largest)[1], -1022, 1022)
    return np.asarray(np.ldexp(1.0, exponents))


def _unit_sparse_rows(X: Any) -> Any:
    from scipy import sparse

    unit = X.astype(np.float64)
    row = np.repeat(np.arange(X.shape[0]), np.diff(unit.indptr))
    largest = np.zeros(X.shape[0])
    np.maximum.at(largest, row, np.abs(unit.data))
    unit.data *= _power_of_two(largest)[row]
    length = np.sqrt(np.bincount(row, weights=unit.data**2, minlength=X.shape[0]))
    zero = largest == 0.0
    unit.data /= np.where(zero, 1.0, length)[row]
    return sparse.hstack([unit, sparse.csr_matrix(zero[:, None])], format="csr", dtype=np.float64)
