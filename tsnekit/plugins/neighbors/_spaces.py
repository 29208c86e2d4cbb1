"""Rows of float32 in which a metric is one that every backend can compute fast.

Cosine and correlation distances are half of squared Euclidean distances between rows of unit
length, so a search for those serves them too, and in float32 it tells close rows apart where
``1 - cos`` cannot.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._blocks import row_blocks

__all__ = ["VectorSpace", "unit_rows"]

_KERNELS = {
    "euclidean": "sqeuclidean",
    "sqeuclidean": "sqeuclidean",
    "cosine": "sqeuclidean",
    "correlation": "sqeuclidean",
    "manhattan": "manhattan",
    "hamming": "hamming",
}

# Largest entries that are left as they are: their squares, and sums of these, are far from the ends
# of the range of float32.
_SAFE = 2.0**-24, 2.0**54


class VectorSpace:
    """A metric, as a simpler one between transformed rows.

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

    def fit_rows(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Learn what the transformation needs from the data and return its rows."""
        self._n_features = X.shape[1]
        if X.dtype != np.float32 and self.metric in ("euclidean", "sqeuclidean", "manhattan"):
            # Distances do not feel the shift, and float32 keeps more of what is left; a median, as
            # the shift must not follow an outlier.
            self._offset = np.median(X[:: max(1, len(X) // 1000)], axis=0).astype(np.float64)
        if self.metric in ("euclidean", "sqeuclidean", "manhattan"):
            self._exponent = _safe_exponent(X, self._offset)
        if X.dtype != np.float32 and self.metric == "hamming":
            self._values = np.unique(X)
        return self.rows(X)

    def rows(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return transformed rows: C-contiguous, and `X` itself where nothing need be done."""
        if self.metric in ("cosine", "correlation"):
            return unit_rows(X, centered=self.metric == "correlation")
        if self._values is not None:
            codes = np.searchsorted(self._values, X)
            known = self._values[np.minimum(codes, len(self._values) - 1)] == X
            X = np.where(known, codes, len(self._values))
        with np.errstate(over="ignore"):  # what overflows is infinitely far from everything
            if self._offset is not None:
                X = X - self._offset
            if self._exponent:
                X = np.ldexp(X, self._exponent)
            return np.ascontiguousarray(X, dtype=np.float32)

    def restore(self, distances: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn distances of the kernel into true ones, in place."""
        if self.metric == "euclidean":
            np.sqrt(distances, out=distances)
        elif self.metric in ("cosine", "correlation"):
            distances *= np.float32(0.5)
        elif self.metric == "hamming":
            distances /= np.float32(self._n_features)
        if self._exponent:
            back = -self._exponent * (2 if self.metric == "sqeuclidean" else 1)
            with np.errstate(over="ignore"):
                np.ldexp(distances, back, out=distances)
        return distances


def _safe_exponent(X: NDArray[Any], offset: NDArray[np.float64] | None) -> int:
    """Return the power of 2 by which to scale data so that squares neither overflow nor vanish.

    It is 0 where the data is fit as it is. An outlier leaves the other rows less room below.
    """
    with np.errstate(over="ignore"):
        bounds = np.stack([X.max(axis=0), X.min(axis=0)]) - (0 if offset is None else offset)
    largest = min(float(np.abs(bounds).max()), sys.float_info.max)
    if largest == 0 or _SAFE[0] <= largest <= _SAFE[1]:
        return 0
    exponent = math.frexp(largest)[1]
    return -exponent if largest < _SAFE[0] else math.frexp(_SAFE[1])[1] - exponent


def unit_rows(X: Any, *, centered: bool = False) -> Any:
    """Return rows of length 1 in float32, with one more column that marks rows of zeros.

    The cosine of a row of zeros is undefined; the column puts such rows at a distance of 1 from
    all others and of 0 from one another.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, p)
    centered : bool, default=False
        Whether to subtract the mean of each row first; for arrays only.

    Returns
    -------
    array or CSR matrix of shape (n, p + 1), float32
    """
    if hasattr(X, "indptr"):
        return _unit_sparse_rows(X)
    out = np.empty((X.shape[0], X.shape[1] + 1), dtype=np.float32)
    for block in row_blocks(X.shape[0], 4096):
        rows = X[block].astype(np.float64)
        largest = np.abs(rows).max(axis=1, keepdims=True)
        if centered:
            rows -= rows.mean(axis=1, keepdims=True)
            # What is left of a row of equal values is rounding.
            rows[np.abs(rows).max(axis=1) <= 1e-14 * largest[:, 0]] = 0.0
            largest = np.abs(rows).max(axis=1, keepdims=True)
        zero = largest == 0.0
        # Scaled first, so that squares neither overflow nor vanish.
        rows /= np.where(zero, 1.0, largest)
        rows /= np.where(zero, 1.0, np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None])
        out[block, :-1] = rows
        out[block, -1] = zero[:, 0]
    return out


def _unit_sparse_rows(X: Any) -> Any:
    from scipy import sparse
    from sklearn.preprocessing import normalize

    unit = normalize(X.astype(np.float64))
    zero = np.asarray(abs(X).sum(axis=1)).reshape(-1, 1) == 0
    return sparse.hstack([unit, sparse.csr_matrix(zero)], format="csr", dtype=np.float32)
