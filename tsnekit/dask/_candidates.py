"""Lists of neighbors from several searches, merged row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph

__all__ = ["Candidates", "check_complete", "merge"]

ROWS_AT_ONCE = 1_024
"""Rows that are merged at a time, so that what is sorted stays small beside the candidates."""

MISSING = np.uint64(2**64 - 1)
"""The key of no candidate; it is sorted last."""

LOW, HIGH = np.uint64(2**32 - 1), np.uint64(32)


@dataclass(frozen=True)
class Candidates:
    """Candidates for the neighbors of some rows.

    Parameters
    ----------
    rows : ndarray of shape (m,), int
        The rows, in ascending order, each once.
    indices : ndarray of shape (m, c), int32
        Rows that may be neighbors; -1 for none.
    distances : ndarray of shape (m, c), float32
    """

    rows: NDArray[np.integer[Any]]
    indices: NDArray[np.int32]
    distances: NDArray[np.float32]

    def without_self(self) -> Candidates:
        """Return the candidates, with -1 where a row is its own candidate."""
        own = self.indices == self.rows[:, None]
        return replace(self, indices=np.where(own, np.int32(-1), self.indices))

    def between(self, first: int, stop: int) -> Candidates:
        """Return the candidates of the rows from `first` to `stop`; memory is shared."""
        a, b = np.searchsorted(self.rows, (first, stop))
        return Candidates(self.rows[a:b], self.indices[a:b], self.distances[a:b])


def merge(parts: Sequence[Candidates], rows: slice, k: int) -> Candidates:
    """Return the `k` nearest candidates of each row, ties by index, each index once.

    A task that merges holds the candidates of its rows, the result, and little more.

    Parameters
    ----------
    parts : sequence of Candidates
        A row may be in any of them. Their rows are from `rows`.
    rows : slice
        The rows of the result.
    k : int

    Returns
    -------
    Candidates
        Of all rows. Where there are fewer than `k`, -1 and infinity fill the list.
    """
    n = rows.stop - rows.start
    indices = np.full((n, k), -1, dtype=np.int32)
    distances = np.full((n, k), np.inf, dtype=np.float32)
    for first in range(rows.start, rows.stop, ROWS_AT_ONCE):
        stop = min(first + ROWS_AT_ONCE, rows.stop)
        keys = _nearest(_gathered(parts, first, stop), k)
        place = slice(first - rows.start, stop - rows.start), slice(keys.shape[1])
        here = keys != MISSING
        indices[place] = np.where(here, keys & LOW, LOW).astype(np.uint32).view(np.int32)
        distances[place] = np.where(here, _distances((keys >> HIGH).astype(np.uint32)), np.inf)
    return Candidates(np.arange(rows.start, rows.stop), indices, distances)


def check_complete(found: Candidates, metric: Any) -> NeighborGraph:
    """Return merged candidates as a graph.

    Raises
    ------
    ValueError
        If a row has fewer neighbors than its list has places.
    """
    short = np.flatnonzero(found.indices[:, -1] < 0)
    if len(short):
        row = int(short[0])
        known = int((found.indices[row] >= 0).sum())
        raise ValueError(
            f"row {found.rows[row]} has only {known} neighbors at a finite distance, but "
            f"{found.indices.shape[1]} are needed: metric {metric!r} is not defined for this row "
            "and the others, or the search misses too many"
            + (f" ({len(short)} such rows)" if len(short) > 1 else "")
        )
    return NeighborGraph(found.indices, found.distances)


def _gathered(parts: Sequence[Candidates], first: int, stop: int) -> NDArray[np.uint64]:
    """Return the candidates of some rows: in each, the index above the order of the distance."""
    here = [part.between(first, stop) for part in parts]
    # The lists of a row stand side by side. A row that few parts have leaves places empty.
    start = np.zeros(stop - first, dtype=np.intp)
    starts = []
    for part in here:
        local = part.rows - first
        starts.append(start[local])
        start[local] += part.indices.shape[1]
    keys = np.full((stop - first, int(start.max(initial=0))), MISSING)
    for part, begin in zip(here, starts, strict=True):
        found = part.indices.astype(np.uint64)
        found <<= HIGH
        found |= _order(part.distances)
        found[(part.indices < 0) | ~np.isfinite(part.distances)] = MISSING
        columns = begin[:, None] + np.arange(part.indices.shape[1])
        keys[(part.rows - first)[:, None], columns] = found
    return keys


def _nearest(keys: NDArray[np.uint64], k: int) -> NDArray[np.uint64]:
    """Return the `k` nearest of each row as keys: the order of the distance above the index."""
    # The same candidate may have distances that differ in the last bit. The smallest one counts.
    keys.sort(axis=1)
    repeated = keys[:, 1:] >> HIGH == keys[:, :-1] >> HIGH
    missing = keys == MISSING
    missing[:, 1:] |= repeated
    turned = keys << HIGH
    turned |= keys >> HIGH
    turned[missing] = MISSING
    turned.sort(axis=1)
    return turned[:, :k]


def _order(distances: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return integers in the order of the distances; 0 and -0 are the same."""
    bits = (distances + np.float32(0)).view(np.uint32)
    negative = bits >> np.uint32(31) != 0
    return np.where(negative, ~bits, bits | np.uint32(2**31))


def _distances(order: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return the distances of integers that `_order` returned."""
    positive = order >> np.uint32(31) != 0
    bits = np.where(positive, order & np.uint32(2**31 - 1), ~order)
    return bits.view(np.float32)
