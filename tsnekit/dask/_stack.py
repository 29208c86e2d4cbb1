"""Blocks of P as one matrix, in memory that the blocks share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import SparseAffinities

__all__ = ["stacked"]

ARRAYS = ("indices", "data")


def stacked(blocks: list[SparseAffinities]) -> SparseAffinities:
    """Return consecutive blocks of rows as one, and empty the list.

    Dask keeps the blocks for the next phase, and for a rank that takes over. From now on, their
    arrays are parts of those of the matrix, so that a worker does not hold P twice. Their values do
    not change. The next phase finds them side by side, and copies nothing.
    """
    starts = np.cumsum([0, *(block.indptr[-1] for block in blocks)])
    rows = [block.indptr[1:] + start for block, start in zip(blocks, starts, strict=False)]
    whole = SparseAffinities(
        np.concatenate([[0], *rows]).astype(np.int64),
        _joined(blocks, "indices", starts),
        _joined(blocks, "data", starts),
        (sum(block.shape[0] for block in blocks), blocks[0].shape[1]),
    )
    blocks.clear()
    return whole


def _joined(blocks: Sequence[SparseAffinities], name: str, starts: NDArray[Any]) -> NDArray[Any]:
    """Return an array of all blocks, of which each block then has a part."""
    parts = [getattr(block, name) for block in blocks]
    if len(parts) == 1:
        whole: NDArray[Any] = parts[0]
        return whole
    base = parts[0].base
    if _side_by_side(parts, base):
        first = (_address(parts[0]) - _address(base)) // base.itemsize
        return np.asarray(base[first : first + int(starts[-1])])
    whole = np.empty(int(starts[-1]), dtype=parts[0].dtype)
    del parts  # each block frees its own part when it gets another one
    for block, (first, last) in zip(blocks, itertools.pairwise(starts.tolist()), strict=True):
        whole[first:last] = getattr(block, name)
        object.__setattr__(block, name, whole[first:last])
    return whole


def _side_by_side(parts: Sequence[NDArray[Any]], base: Any) -> bool:
    """Return whether arrays are parts of one, each where the one before it ends."""
    if not isinstance(base, np.ndarray) or base.ndim != 1 or base.dtype != parts[0].dtype:
        return False
    if any(part.base is not base for part in parts):
        return False
    return all(
        _address(one) + one.nbytes == _address(other) for one, other in itertools.pairwise(parts)
    )


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
