"""Exact neighbors: every row is compared with every chunk of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.dask._blocks import Blocks
from tsnekit.dask._candidates import Candidates, check_complete, merge
from tsnekit.dask._searches import Recipe
from tsnekit.dask._tasks import SUMMANDS, Tasks

__all__ = ["Pairs"]


class Pairs:
    """Compares rows with every chunk of the data.

    A task holds two chunks and the lists of one, or a few lists of a chunk or block.

    Parameters
    ----------
    rows : Rows
    recipe : Recipe
        A search that is exact and finds neighbors of new rows.
    tasks : Tasks
    """

    def __init__(self, rows: Any, recipe: Recipe, tasks: Tasks) -> None:
        self._rows, self._recipe, self._tasks = rows, recipe, tasks
        self._chunks = Blocks((0, *np.cumsum(rows.sizes).tolist()))

    def nearest(self, queries: Any, k: int, name: str, own: Any = None) -> Any:
        """Return the task that has the `k` nearest rows of each query, as `Candidates`.

        Parameters
        ----------
        queries : Delayed or future
            Rows.
        k : int
        name : str
            Tells the tasks from those of other queries.
        own : ndarray of shape (m,), optional
            The numbers of the queries, if they are rows of the data. None is its own neighbor.
        """
        parts = [
            self._tasks("search", f"{name}.{i}", _nearest_in_chunk, chunk, self._chunks.bounds[i],
                        queries, own, k, self._recipe)
            for i, chunk in enumerate(self._rows.chunks)
        ]  # fmt: skip
        level = 0
        while True:
            groups = [parts[i : i + SUMMANDS] for i in range(0, len(parts), SUMMANDS)]
            parts = [
                self._tasks("merge", f"{name}.{level}.{i}", _merged, group, k)
                for i, group in enumerate(groups)
            ]
            if len(parts) == 1:
                return parts[0]
            level += 1

    def graphs(self, blocks: Blocks, k: int) -> list[Any]:
        """Return the tasks of the neighbors of the rows of each block."""
        lists = []
        for i, chunk in enumerate(self._rows.chunks):
            bounds = self._chunks.range(i)
            own = np.arange(bounds.start, bounds.stop)
            lists.append(self.nearest(chunk, k, f"chunk{i}", own))
        graphs = []
        for block in range(len(blocks)):
            rows = blocks.range(block)
            first, last = self._chunks.owners((rows.start, rows.stop - 1)).tolist()
            parts = [
                self._tasks("cut", f"{block}.{i}", _cut, lists[i], self._chunks.bounds[i], rows)
                for i in range(first, last + 1)
            ]
            graphs.append(self._tasks("graph", block, _graph, parts, rows, k, self._recipe.metric))
        return graphs

    def again(self) -> Pairs:
        """Return the same search, whose tasks have other names."""
        return Pairs(self._rows.again(), self._recipe, Tasks("query"))

    def query(self, chunks: Sequence[Any], sizes: Sequence[int], k: int) -> list[Any]:
        """Return the tasks of the `k` nearest rows of new rows, a `NeighborGraph` of each chunk."""
        found = [self.nearest(chunk, k, f"new{i}") for i, chunk in enumerate(chunks)]
        return [
            self._tasks("graph", f"new{i}", check_complete, each, self._recipe.metric)
            for i, each in enumerate(found)
        ]


def _nearest_in_chunk(
    chunk: Any, start: int, queries: Any, own: NDArray[Any] | None, k: int, recipe: Recipe
) -> Candidates:
    wanted = min(k + (own is not None), chunk.shape[0])
    found = recipe.fit(chunk).query(queries, wanted)
    indices = found.indices + np.int32(start)
    if own is not None:
        indices[indices == own[:, None]] = -1
    return Candidates(np.arange(len(indices)), indices, found.distances)


def _merged(parts: Sequence[Candidates], k: int) -> Candidates:
    return merge(parts, slice(0, len(parts[0].rows)), k)


def _cut(found: Candidates, start: int, rows: slice) -> Candidates:
    numbered = Candidates(found.rows + start, found.indices, found.distances)
    return numbered.between(rows.start, rows.stop)


def _graph(parts: Sequence[Candidates], rows: slice, k: int, metric: Any) -> Any:
    return check_complete(merge(parts, rows, k), metric)
