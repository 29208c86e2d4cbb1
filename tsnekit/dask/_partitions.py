"""Rows divided into overlapping partitions, each of which a worker's memory holds."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.dask._blocks import Blocks
from tsnekit.dask._centers import choose_centers, nearest_centers, stack
from tsnekit.dask._searches import Recipe
from tsnekit.dask._tasks import Tasks, finished

__all__ = ["Partition", "Partitions", "Sample", "derived_seed", "take_rows"]

SAMPLE_ROWS = 20_000
"""Rows on which the centers are found."""

SAMPLE_SHARE = 1 / 8
"""Share of a thread's memory for the sample, as far as the number of columns tells."""

SPARE = 0.9
"""Share of a partition's bound that is planned for, since sizes are estimated on a sample."""


@dataclass(frozen=True)
class Partition:
    """Some rows of the data, in ascending order, and their numbers."""

    rows: NDArray[np.int64]
    X: Any


class Sample:
    """Rows drawn at random, together in one task.

    Parameters
    ----------
    rows : Rows
    tasks : Tasks
    seed : int
    task_bytes : int
        Memory of a thread.

    Attributes
    ----------
    numbers : ndarray of shape (m,), int64
        The numbers of the rows, ascending.
    data : Delayed
        The rows.
    """

    def __init__(self, rows: Any, tasks: Tasks, seed: int, task_bytes: int) -> None:
        wide = rows.n_features * rows.dtype.itemsize
        fitting = max(SAMPLE_ROWS // 10, int(SAMPLE_SHARE * task_bytes) // wide)
        size = min(rows.n_samples, SAMPLE_ROWS, fitting)
        rng = np.random.default_rng(seed)
        self.numbers = np.sort(rng.choice(rows.n_samples, size, replace=False, shuffle=False))
        self.data = tasks("sample", "all", stack, pick(rows, self.numbers, tasks, "sample"))


class Partitions:
    """Overlapping partitions of the rows, and the tasks that gather them.

    Each row is in the cells of its nearest centers. A cell with too many rows, as of many equal
    ones, is dealt out among several partitions.

    A task holds a chunk of the data twice, or a partition twice.

    Parameters
    ----------
    client : distributed.Client
    rows : Rows
    sample : future
        Rows on which the centers are found.
    ruler : Recipe
        An exact search in the metric.
    count : int
        How many partitions are wanted.
    overlap : int
        In how many partitions each row is; fewer if there are fewer.
    most, least : int
        Rows of a partition, at most and at least.
    seed : int
    tasks : Tasks

    Attributes
    ----------
    overlap, n_partitions : int
    sizes : ndarray of shape (n_partitions,)
        Rows of each partition at most; the exact sizes where no cell is dealt out.
    """

    def __init__(
        self,
        client: Any,
        rows: Any,
        sample: Any,
        ruler: Recipe,
        *,
        count: int,
        overlap: int,
        most: int,
        least: int,
        seed: int,
        tasks: Tasks,
    ) -> None:
        self._client, self._rows, self._ruler, self._tasks = client, rows, ruler, tasks
        self._round = f"{count}.{overlap}"
        n = rows.n_samples
        self._chunks = Blocks((0, *np.cumsum(rows.sizes).tolist()))
        shares = SPARE * most / n, least / n / SPARE
        centers = tasks(
            "centers", self._round, _centers, sample, count, overlap, shares, ruler, seed
        )
        # Centers are few rows of the data. They stay on the workers all the same, where they can
        # be computed again if a worker is lost.
        [self._centers] = finished(client, [centers])
        while True:
            self._assign(overlap)
            small = np.flatnonzero(self._counts.sum(axis=0) < least)
            if not len(small) or self._counts.shape[1] == 1:
                break
            keep = (
                np.delete(np.arange(self._counts.shape[1]), small)
                if (len(small) < self._counts.shape[1])
                else np.arange(1)
            )
            self._round += f".{len(keep)}"
            fewer = tasks("centers", self._round, take_rows, self._centers, keep)
            [self._centers] = finished(client, [fewer])
        totals = self._counts.sum(axis=0)
        self._dealt = np.maximum(1, -(-totals // most))
        self._first = np.cumsum(self._dealt) - self._dealt
        self.n_partitions = int(self._dealt.sum())
        self.sizes = np.repeat(-(-totals // self._dealt), self._dealt)
        self._of_cell = np.repeat(np.arange(len(self._dealt)), self._dealt)

    def again(self, rows: Any, tasks: Tasks) -> Partitions:
        """Return the same partitions of the same rows, for other tasks."""
        again = copy.copy(self)
        again._rows, again._tasks = rows, tasks
        return again

    @property
    def name(self) -> str:
        """Tells the tasks of these partitions from those of others."""
        return self._round

    def may_have(self, part: int, rows: slice) -> bool:
        """Return whether a partition may have some of a range of rows."""
        first, last = self._chunks.owners((rows.start, rows.stop - 1)).tolist()
        return bool(self._counts[first : last + 1, self._of_cell[part]].any())

    def _assign(self, overlap: int) -> None:
        """Find the cells of all rows, and count how many rows of each chunk are in each cell."""
        assign = [
            self._tasks("assign", f"{self._round}.{i}", _assigned, chunk, self._centers,
                        self._ruler, overlap)
            for i, chunk in enumerate(self._rows.chunks)
        ]  # fmt: skip
        self._cells = finished(self._client, assign)
        counts = [
            self._tasks("count", f"{self._round}.{i}", _counted, cells, self._centers)
            for i, cells in enumerate(self._cells)
        ]
        self._counts = np.array(self._client.gather(self._client.compute(counts)))
        self.overlap = min(overlap, self._counts.shape[1])

    def of_rows(self, numbers: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the partitions (m, overlap) of some rows, whose numbers ascend."""
        parts = pick(self._rows, numbers, self._tasks, f"cells-{self._round}", self._cells)
        cells = np.concatenate(self._client.gather(self._client.compute(parts)))
        return _dealt_out(cells, numbers, self._first, self._dealt)

    def gather(self, wanted: Sequence[int], *, name: str = "", after: Any = None) -> list[Any]:
        """Return the tasks of some partitions; each is a `Partition`.

        Parameters
        ----------
        wanted : sequence of int
        name : str, optional
            Tells these tasks from others that gather the same partitions.
        after : Delayed, optional
            A task that ends before any chunk of the data is read.
        """
        name = f"{self._round}.{name}.{wanted[0]}"
        pieces: dict[int, list[Any]] = {part: [] for part in wanted}
        chunks = self._rows.chunks
        if after is not None:
            from dask.graph_manipulation import bind

            chunks = bind(chunks, after)
        for i, chunk in enumerate(chunks):
            here = [part for part in wanted if self._counts[i, self._of_cell[part]]]
            if not here:
                continue
            split = self._tasks(
                "split", f"{name}.{i}", _split, chunk, self._cells[i], self._chunks.bounds[i],
                self._first, self._dealt, np.array(here),
            )  # fmt: skip
            for place, part in enumerate(here):
                pieces[part].append(
                    self._tasks("piece", f"{name}.{i}.{part}", _piece, split, place)
                )
        return [
            self._tasks("gather", f"{name}.{part}", _joined, found)
            for part, found in pieces.items()
        ]

    def split_new(self, chunk: Any, name: str) -> list[Any]:
        """Return, for each partition, the task that has the new rows that belong there.

        New rows are in as many partitions as the others. In a cell that is dealt out, they are in
        each of its partitions.
        """
        cells = self._tasks("assign", name, _assigned, chunk, self._centers, self._ruler,
                            self.overlap)  # fmt: skip
        return [
            self._tasks("piece", f"{name}.{part}", _in_cell, chunk, cells, self._of_cell[part])
            for part in range(self.n_partitions)
        ]


def pick(
    rows: Any,
    numbers: NDArray[np.integer[Any]],
    tasks: Tasks,
    step: str,
    chunks: Sequence[Any] | None = None,
) -> list[Any]:
    """Return tasks that have some rows, whose numbers ascend, chunk by chunk."""
    bounds = np.concatenate([[0], np.cumsum(rows.sizes)])
    edges = np.searchsorted(numbers, bounds)
    return [
        tasks(step, i, take_rows, chunk, numbers[edges[i] : edges[i + 1]] - bounds[i])
        for i, chunk in enumerate(rows.chunks if chunks is None else chunks)
        if edges[i] < edges[i + 1]
    ]


def derived_seed(seed: int, number: int) -> int:
    """Return a seed of its own for each number."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


def take_rows(X: Any, rows: NDArray[np.integer[Any]]) -> Any:
    """Return some rows of an array or CSR matrix."""
    return X[rows]


def _centers(
    sample: Any, count: int, overlap: int, shares: tuple[float, float], ruler: Recipe, seed: int
) -> Any:
    most, least = shares
    return choose_centers(
        sample, count, overlap=overlap, most=most, least=least, ruler=ruler, seed=seed
    )


def _assigned(chunk: Any, centers: Any, ruler: Recipe, overlap: int) -> NDArray[np.int32]:
    return nearest_centers(chunk, centers, ruler, overlap)


def _counted(cells: NDArray[np.int32], centers: Any) -> NDArray[np.intp]:
    return np.bincount(cells.ravel(), minlength=centers.shape[0])


def _dealt_out(
    cells: NDArray[np.int32],
    numbers: NDArray[np.integer[Any]],
    first: NDArray[np.intp],
    dealt: NDArray[np.intp],
) -> NDArray[np.int64]:
    """Return the partitions of rows from their cells: in turn, those of a cell that has several."""
    turns = np.asarray(numbers)[:, None] % dealt[cells]
    return np.asarray(first[cells] + turns, dtype=np.int64)


def _split(
    chunk: Any,
    cells: NDArray[np.int32],
    start: int,
    first: NDArray[np.intp],
    dealt: NDArray[np.intp],
    wanted: NDArray[np.intp],
) -> list[Partition]:
    """Return the rows of a chunk that belong to each of some partitions."""
    numbers = np.arange(start, start + len(cells))
    parts = _dealt_out(cells, numbers, first, dealt)
    order = np.argsort(parts.ravel(), kind="stable")
    edges = np.searchsorted(parts.ravel()[order], wanted)
    stops = np.searchsorted(parts.ravel()[order], wanted, side="right")
    found = [order[a:b] // parts.shape[1] for a, b in zip(edges, stops, strict=True)]
    return [Partition(numbers[rows], chunk[rows]) for rows in found]


def _piece(split: Sequence[Partition], place: int) -> Partition:
    return split[place]


def _joined(pieces: Sequence[Partition]) -> Partition:
    numbers = np.concatenate([piece.rows for piece in pieces])
    return Partition(numbers, stack([piece.X for piece in pieces]))


def _in_cell(chunk: Any, cells: NDArray[np.int32], cell: int) -> Partition:
    rows = np.flatnonzero((cells == cell).any(axis=1))
    return Partition(rows, chunk[rows])
