"""Consecutive ranges of rows, the unit in which a cluster holds affinities."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blocks"]

BLOCKS_PER_WORKER = 4
"""Blocks of each worker, so that the workers that remain after a loss can share its rows."""

MAX_BLOCK_ROWS = 100_000
"""Rows of a block at most, so that a task can hold the affinities of a block."""

MOST_BLOCKS = 1_000
"""Blocks from which more of them make more work for the scheduler: each has tasks with each other.

Beyond that, blocks have more rows instead.
"""


class Blocks:
    """Consecutive ranges of rows that together hold every row once.

    Blocks do not change. Two of them are equal if they have the same bounds.

    Parameters
    ----------
    bounds : iterable of int
        The first row of each block and, last, the number of rows. Every block has a row.

    Attributes
    ----------
    bounds : tuple of int

    Raises
    ------
    ValueError
        If the bounds do not start at 0, do not increase, or are fewer than two.
    """

    def __init__(self, bounds: Iterable[int]) -> None:
        self.bounds = tuple(operator.index(bound) for bound in bounds)
        increasing = all(a < b for a, b in itertools.pairwise(self.bounds))
        if len(self.bounds) < 2 or self.bounds[0] != 0 or not increasing:
            raise ValueError(
                f"the bounds of blocks must start at 0 and increase, got {self.bounds}"
            )

    @classmethod
    def even(cls, n_samples: int, count: int) -> Blocks:
        """Divide the rows into `count` blocks of nearly the same size.

        There are fewer blocks if there are fewer rows.

        Raises
        ------
        ValueError
            If `n_samples` or `count` is not at least 1.
        """
        if n_samples < 1 or count < 1:
            raise ValueError(f"blocks need at least 1 row and 1 block, got {n_samples} and {count}")
        count = min(count, n_samples)
        return cls(n_samples * block // count for block in range(count + 1))

    @classmethod
    def for_workers(cls, n_samples: int, n_workers: int) -> Blocks:
        """Divide the rows into the blocks that suit a number of workers."""
        small = min(-(-n_samples // MAX_BLOCK_ROWS), MOST_BLOCKS)
        count = max(min(BLOCKS_PER_WORKER * n_workers, MOST_BLOCKS), n_workers, small)
        return cls.even(n_samples, count)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blocks) and self.bounds == other.bounds

    def __hash__(self) -> int:
        return hash(self.bounds)

    def __repr__(self) -> str:
        return f"Blocks({len(self)} of {self.n_samples} rows)"

    @property
    def n_samples(self) -> int:
        """The number of rows in all blocks."""
        return self.bounds[-1]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of rows in each block."""
        return tuple(b - a for a, b in itertools.pairwise(self.bounds))

    def range(self, block: int) -> slice:
        """Return the rows of a block."""
        if not 0 <= block < len(self):
            raise IndexError(f"block must be from 0 to {len(self) - 1}, got {block}")
        return slice(self.bounds[block], self.bounds[block + 1])

    def owners(self, rows: Any) -> NDArray[np.intp]:
        """Return the block of each of some rows."""
        return np.searchsorted(np.asarray(self.bounds[1:]), np.asarray(rows), side="right")

    def shares(self, n_ranks: int) -> list[tuple[int, int]]:
        """Divide the blocks among ranks: each gets consecutive blocks, with similar sums of rows.

        Parameters
        ----------
        n_ranks : int
            From 1 to the number of blocks.

        Returns
        -------
        list of (int, int)
            The first block of each rank, and the block after its last one. Every rank has a block.

        Raises
        ------
        ValueError
            If there are more ranks than blocks, or no rank.
        """
        if not 1 <= n_ranks <= len(self):
            raise ValueError(f"n_ranks must be from 1 to {len(self)}, got {n_ranks}")
        ends = np.asarray(self.bounds)
        cuts = [0]
        for rank in range(1, n_ranks):
            wanted = self.n_samples * rank / n_ranks
            nearest = int(np.abs(ends - wanted).argmin())
            cuts.append(min(max(nearest, cuts[-1] + 1), len(self) - (n_ranks - rank)))
        cuts.append(len(self))
        return list(itertools.pairwise(cuts))
