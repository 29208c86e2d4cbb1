"""Rows that are copies of one another, searched as one row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.lists import Lists, drop_self
from tsnekit.toolkit import row_blocks

__all__ = ["Copies"]

_ROWS_PER_BLOCK = 16_384


@dataclass(frozen=True)
class Copies:
    """Groups of equal rows.

    Parameters
    ----------
    group : ndarray of shape (n,), intp
        The group of each row.
    members : ndarray of shape (n,), intp
        The rows, group by group, ascending in each.
    starts, counts : ndarrays of shape (m,), intp
        Where each group begins in `members`, and its size.
    """

    group: NDArray[np.intp]
    members: NDArray[np.intp]
    starts: NDArray[np.intp]
    counts: NDArray[np.intp]

    @classmethod
    def of(cls, rows: NDArray[np.float32]) -> Copies | None:
        """Return the groups of equal rows, or None where all rows differ."""
        keys = _hash(rows)
        members = np.argsort(keys, kind="stable")
        keys = keys[members]
        is_new = np.ones(len(rows), dtype=bool)
        same = np.flatnonzero(keys[1:] == keys[:-1]) + 1
        for block in row_blocks(len(same), _ROWS_PER_BLOCK):
            at = same[block]
            is_new[at] = (rows[members[at]] != rows[members[at - 1]]).any(axis=1)
        starts = np.flatnonzero(is_new)
        if len(starts) == len(rows):
            return None
        # Groups are in the order of their first rows, so that near groups are near in memory.
        order = np.argsort(members[starts], kind="stable")
        number = np.empty_like(order)
        number[order] = np.arange(len(order))
        group = np.empty(len(rows), dtype=np.intp)
        group[members] = number[np.cumsum(is_new) - 1]
        counts = np.diff(np.append(starts, len(rows)))
        return cls(group, members, starts[order], counts[order])

    @property
    def first(self) -> NDArray[np.intp]:
        """The first row of each group, which represents the group."""
        return self.members[self.starts]

    def expand(self, lists: Lists, k: int) -> Lists:
        """Turn lists of groups into lists of `k` neighbors of all rows, among the other rows."""
        n_groups = len(lists[0])
        own = np.arange(n_groups, dtype=np.int32)[:, None]
        with_own = (
            np.concatenate([own, lists[0]], axis=1),
            np.concatenate([np.zeros_like(own, dtype=np.float32), lists[1]], axis=1),
        )
        indices, distances = self.expand_for_others(with_own, k + 1)
        rows = np.arange(len(self.group))
        return drop_self(indices[self.group], distances[self.group], rows)

    def expand_for_others(self, lists: Lists, k: int) -> Lists:
        """Turn lists of groups into lists of `k` rows; -1 and infinity fill empty places."""
        shape = (len(lists[0]), k)
        found = np.full(shape, -1, dtype=np.int32), np.full(shape, np.inf, dtype=np.float32)
        for block in row_blocks(len(lists[0]), _ROWS_PER_BLOCK // 4):
            self._expand_block(
                (lists[0][block], lists[1][block]), (found[0][block], found[1][block])
            )
        return found

    def _expand_block(self, lists: Lists, found: Lists) -> None:
        groups, distances = lists
        counts = np.where(groups >= 0, self.counts[groups], 0)
        before = np.cumsum(counts, axis=1) - counts
        taken = np.clip(found[0].shape[1] - before, 0, counts).ravel()
        place = np.repeat(np.arange(taken.size), taken)
        nth = np.arange(len(place)) - np.repeat(np.cumsum(taken) - taken, taken)
        rows = place // groups.shape[1]
        column = before.ravel()[place] + nth
        found[0][rows, column] = self.members[self.starts[groups.ravel()[place]] + nth]
        found[1][rows, column] = distances.ravel()[place]


def _hash(rows: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a hash of each row; equal rows have equal hashes."""
    factors = np.random.RandomState(0).randint(2**63, size=rows.shape[1], dtype=np.uint64)
    keys = np.empty(len(rows), dtype=np.uint64)
    for block in row_blocks(len(rows), _ROWS_PER_BLOCK):
        bits = (rows[block] + np.float32(0)).view(np.uint32)  # -0.0 becomes 0.0
        keys[block] = bits.astype(np.uint64) @ factors
    return keys
