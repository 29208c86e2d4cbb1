"""Symmetric affinities, which the kernels of the gradient need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import SparseAffinities

__all__ = ["is_symmetric", "symmetric"]

BLOCK = 1 << 18
"""Entries that are hashed at a time, so that they stay in the cache."""

_FACTORS = tuple(
    np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
_SHIFT = np.uint64(32)


def symmetric(P: SparseAffinities) -> SparseAffinities:
    """Return the matrix itself where it is symmetric, otherwise (P + P^T) / 2.

    The gradient of the divergence pulls both points of a pair by p_ij + p_ji. The kernels only read
    one row for each point, so that p_ij would pull one point and p_ji the other. The mean of both
    directions gives the right forces. The sum of the entries stays the same.
    """
    if P.symmetric or is_symmetric(P):
        return P
    from scipy.sparse import csr_matrix

    rows = csr_matrix((P.data, P.indices, P.indptr), P.shape, copy=False)
    joint = csr_matrix((rows + rows.T) * np.float32(0.5))
    joint.sum_duplicates()
    return SparseAffinities(
        joint.indptr.astype(np.int64, copy=False),
        joint.indices.astype(np.int32, copy=False),
        joint.data.astype(np.float32, copy=False),
        P.shape,
        symmetric=True,
    )


def is_symmetric(P: SparseAffinities) -> bool:
    """Return whether a square matrix equals its transpose, to the bit.

    Each entry is hashed together with its two indices. The hashes of the entries above the diagonal
    must add up to the same 64-bit number as those below it. This needs no transpose and hardly any
    memory.
    """
    difference = np.uint64(0)
    bits = P.data.view(np.uint32)
    with np.errstate(over="ignore"):
        for start in range(0, len(bits), BLOCK):
            columns = P.indices[start : start + BLOCK].astype(np.uint64)
            rows = _rows_of(P.indptr, start, start + len(columns))
            above = rows < columns
            hashed = np.where(above, rows, columns)
            hashed <<= _SHIFT
            hashed |= np.where(above, columns, rows)
            _mix(hashed, bits[start : start + len(columns)])
            off_diagonal = rows != columns
            difference += hashed[above].sum() - hashed[off_diagonal & ~above].sum()
    return bool(difference == 0)


def _rows_of(indptr: NDArray[np.int64], start: int, stop: int) -> NDArray[np.uint64]:
    """Return the row of each entry from `start` to `stop`."""
    first = int(np.searchsorted(indptr, start, side="right")) - 1
    last = int(np.searchsorted(indptr, stop, side="left"))
    ends = np.clip(indptr[first : last + 1], start, stop)
    lengths = ends[1:] - ends[:-1]
    return np.repeat(np.arange(first, last, dtype=np.uint64), lengths)


def _mix(values: NDArray[np.uint64], bits: NDArray[np.uint32]) -> None:
    """Spread every bit of indices and values over all bits, in place."""
    values *= _FACTORS[0]
    values ^= values >> _SHIFT
    values += bits
    for factor in _FACTORS[1:]:
        values *= factor
        values ^= values >> _SHIFT
