"""Rows of data in float64, dense or sparse: their scale, weights and lengths."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK_BYTES",
    "TINY",
    "Floats",
    "dense",
    "exponent_of",
    "exponents_of_rows",
    "roots_of",
    "row_blocks",
    "row_lengths",
    "row_squares",
    "times_two_to",
    "weighted",
]

Floats: TypeAlias = NDArray[np.float64]

BLOCK_BYTES = 64 * 1024**2
"""Memory for one block of rows or of distances."""

TINY = 1e-290
"""Sums of squares below this have lost digits by underflow."""


def row_blocks(n: int, p: int) -> Iterator[slice]:
    """Yield slices of `n` rows of `p` numbers that fit into the memory for a block."""
    size = max(1, BLOCK_BYTES // (8 * max(p, 1)))
    return (slice(start, start + size) for start in range(0, n, size))


def dense(rows: Any) -> Any:
    """Return rows as an array."""
    return rows.toarray() if hasattr(rows, "toarray") else rows


def exponent_of(X: Any) -> int:
    """Return the exponent of the power of two by which `X` is to be divided.

    The widest column then spans some ``2 ** 400``. Squares do not overflow, and distances that are
    much smaller than the largest keep their digits.
    """
    low, high = (dense(getattr(X, end)(axis=0)) for end in ("min", "max"))
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    first = math.frexp(max(np.abs(low).max(), np.abs(high).max()))[1]
    # In two steps, since the span of numbers near the largest is infinite.
    span = float((np.ldexp(high, -first) - np.ldexp(low, -first)).max())
    return first + math.frexp(span)[1] - 400 if span else 0


def exponents_of_rows(rows: Any) -> NDArray[np.intc]:
    """Return the exponent of the largest number of each row, as a column."""
    largest = np.asarray(dense(abs(rows).max(axis=1)), dtype=float).ravel()
    return np.frexp(largest)[1][:, None]


def times_two_to(rows: Any, exponent: int | NDArray[np.intc]) -> Any:
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


def roots_of(weights: Any, p: int) -> Floats | None:
    """Return the square roots of the weights of a metric."""
    if weights is None:
        return None
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (p,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"w must be {p} finite weights that are not negative")
    return np.asarray(np.sqrt(weights))


def weighted(rows: Any, roots: Floats | None) -> Any:
    """Return rows with columns multiplied by the roots of the weights, if there are any."""
    if roots is None:
        return rows
    return rows.multiply(roots[None, :]).tocsr() if hasattr(rows, "indptr") else rows * roots


def row_squares(rows: Any) -> Floats:
    """Return the sum of squares of each row."""
    if hasattr(rows, "indptr"):
        return np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    return np.asarray(np.einsum("ij,ij->i", rows, rows))


def row_lengths(rows: Any) -> Floats:
    """Return the length of each row, however short it is."""
    squares = row_squares(rows)
    lengths = np.sqrt(squares)
    short = np.flatnonzero(squares < TINY)
    if len(short):
        exponents = exponents_of_rows(rows[short])
        squares = row_squares(times_two_to(rows[short], -exponents))
        lengths[short] = np.ldexp(np.sqrt(squares), exponents.ravel())
    return lengths
