"""Approximate neighbors: a search in each partition of the rows, and the recall of them all."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.dask._blocks import Blocks
from tsnekit.dask._candidates import Candidates, check_complete, merge
from tsnekit.dask._capacity import Capacity, capacity_of
from tsnekit.dask._pairs import Pairs
from tsnekit.dask._partitions import Partitions, Sample, derived_seed
from tsnekit.dask._recall import Truth
from tsnekit.dask._searched import Fitted, merged_query, query_partition, search_partition
from tsnekit.dask._searches import Recipe, exact_recipe
from tsnekit.dask._tasks import Tasks, finished

__all__ = ["PartitionedSearch"]

logger = logging.getLogger(__name__)

PARTITIONS_PER_THREAD = 4
"""Partitions for each thread of the cluster, so that threads with small ones take more of them."""

FEWEST_ROWS = 4_096
"""Rows of a partition below which more of them do not pay."""

MOST_OVERLAP = 12
"""Partitions of each row at most; the memory of the lists grows with it."""

NEARLY_ALL = 0.995
"""Share of pairs of neighbors in a common partition from which more overlap does not help."""

LEAST_GAIN = 0.002
"""Share of pairs of neighbors by which more overlap must bring more of them together."""

TASK_SHARE = 1 / 2
"""Share of a thread's memory that the search of a partition may take."""

WAVE_SHARE = 1 / 4
"""Share of the cluster's memory for the rows of partitions that are there at the same time."""


class PartitionedSearch:
    """Searches partitions, and merges what their rows find in them."""

    partitions: Partitions

    def __init__(
        self,
        client: Any,
        rows: Any,
        blocks: Blocks,
        recipe: Recipe,
        k: int,
        seed: int,
        tasks: Tasks,
    ) -> None:
        self._client, self._rows, self._blocks, self._recipe = client, rows, blocks, recipe
        self._k, self._seed, self._tasks = k, seed, tasks
        shape = rows.n_samples, rows.n_features
        self._ruler, self._can_measure = exact_recipe(recipe, shape, rows.sparse)

    def run(
        self, overlap: int, recall_floor: float, partition_rows: int | None
    ) -> tuple[list[Any], float | None]:
        """Search with as much overlap as the recall needs; return the graphs and the recall."""
        capacity = capacity_of(self._client)
        sample, data = self._sampled(capacity)
        row_bytes = self._row_bytes
        most = partition_rows or self._most_rows(row_bytes, capacity)
        truth = None
        if self._can_measure:
            pairs = Pairs(self._rows, self._ruler, self._tasks)
            truth = Truth(self._client, sample, data, pairs, self._k, derived_seed(self._seed, 1))
        together = 0.0
        while True:
            divide = partial(self._divide, data, most, partition_rows, capacity)
            parts, more_together = self._with_overlap(divide, overlap, recall_floor, truth)
            if more_together < together + LEAST_GAIN:
                break
            self.partitions, together = parts, more_together
            graphs = self._search(capacity)
            recall = None if truth is None else truth.share_found(graphs, self._blocks, parts.name)
            if recall is None or recall >= recall_floor or together >= NEARLY_ALL:
                break
            if self._is_widest(parts):
                break
            overlap = parts.overlap + 1
            self._say_more(parts, recall, "were found")
        parts = self.partitions
        if recall is not None and recall < recall_floor:
            logger.warning(
                "only %.3f of the true neighbors were found, less than the %.3f asked for; %.3f "
                "are in a common partition, so that %s would find more",
                recall,
                recall_floor,
                together,
                "a more accurate search"
                if together >= NEARLY_ALL
                else "workers with more memory, or an exact search,",
            )
        logger.info(
            "neighbors: %d partitions, each row in %d of them%s",
            parts.n_partitions,
            parts.overlap,
            "" if recall is None else f", {recall:.3f} of the true neighbors found",
        )
        return graphs, recall

    def divide(self, overlap: int = 2) -> None:
        """Only make the partitions."""
        capacity = capacity_of(self._client)
        _, data = self._sampled(capacity)
        most = self._most_rows(self._row_bytes, capacity)
        self.partitions = self._divide(data, most, None, capacity, overlap)

    def _sampled(self, capacity: Capacity) -> tuple[Sample, Any]:
        """Return a sample of the rows, and its future."""
        seed = derived_seed(self._seed, 0)
        sample = Sample(self._rows, self._tasks, seed, capacity.task_bytes)
        [data] = finished(self._client, [sample.data])
        self._row_bytes: float = self._client.submit(_row_bytes, data, pure=False).result()
        return sample, data

    def again(self) -> PartitionedSearch:
        """Return the same search, whose tasks have other names."""
        again = copy.copy(self)
        again._rows, again._tasks = self._rows.again(), Tasks("query")
        again.partitions = self.partitions.again(again._rows, again._tasks)
        return again

    def query(self, chunks: Sequence[Any], sizes: Sequence[int], k: int) -> list[Any]:
        """Return the tasks of the `k` nearest rows of new rows, chunk by chunk."""
        parts, memory = self.partitions, WAVE_SHARE * capacity_of(self._client).total_bytes
        waves = _waves(parts.sizes * self._row_bytes, memory)
        # All new rows have to wait for a wave, or the next one would come into memory beside it.
        # Their own rows and lists are in memory, too.
        of_a_row = 2 * self._row_bytes + 8 * k * (parts.overlap + 1)
        groups = _waves(np.asarray(sizes) * of_a_row, memory if len(waves) > 1 else np.inf)
        return [
            graph
            for group in groups
            for graph in self._query_group([chunks[i] for i in group], group[0], waves, k)
        ]

    def _query_group(
        self, chunks: Sequence[Any], first: int, waves: Sequence[Sequence[int]], k: int
    ) -> list[Any]:
        """Do that for consecutive chunks, one wave of partitions after the other."""
        parts, tasks = self.partitions, self._tasks
        names = range(first, first + len(chunks))
        pieces = [parts.split_new(chunk, str(i)) for i, chunk in zip(names, chunks, strict=True)]
        found: list[list[Any]] = [[] for _ in chunks]
        after = None
        for wave in waves:
            gathered = parts.gather(wave, name=str(first), after=after)
            lists = []
            for part, partition in zip(wave, gathered, strict=True):
                fitted = tasks("fit", f"{first}.{part}", Fitted, partition, self._recipe,
                               self._seed_of(part))  # fmt: skip
                for i, own, of_chunk in zip(names, found, pieces, strict=True):
                    task = tasks("query", f"{i}.{part}", query_partition, fitted, of_chunk[part], k)
                    own.append(task)
                    lists.append(task)
            after = tasks("wave", f"{first}.{wave[0]}", _nothing, lists)
        return [
            tasks("graph", i, merged_query, own, chunk, k, self._recipe.metric)
            for i, own, chunk in zip(names, found, chunks, strict=True)
        ]

    def _seed_of(self, part: int) -> int:
        # A single partition is searched as on one machine.
        one = self.partitions.n_partitions == 1
        return self._seed if one else derived_seed(self._seed, 2 + part)

    def _most_rows(self, row_bytes: float, capacity: Capacity) -> int:
        """Return how many rows a thread's memory can search.

        A task holds the rows of a partition twice while they are gathered. A search makes up to
        two copies of them, lists up to four times as wide as those asked for, and an index.
        """
        needed = 4 * row_bytes + 32 * self._k + 1_000
        return max(2 * (self._k + 1), int(TASK_SHARE * capacity.task_bytes / needed))

    def _divide(
        self, sample: Any, most: int, asked: int | None, capacity: Capacity, overlap: int
    ) -> Partitions:
        n = self._rows.n_samples
        fewest = FEWEST_ROWS if asked is None else asked // 2
        for_threads = min(PARTITIONS_PER_THREAD * capacity.threads, overlap * n // fewest)
        count = max(1, for_threads)
        if overlap * n > most * count:
            count = -(-overlap * n // most)
        if n <= fewest and n <= most:
            count = 1
        return Partitions(
            self._client,
            self._rows,
            sample,
            self._ruler,
            count=count,
            overlap=overlap,
            most=most,
            least=self._k + 1,
            seed=derived_seed(self._seed, 1),
            tasks=self._tasks,
        )

    def _with_overlap(
        self,
        divide: Callable[[int], Partitions],
        overlap: int,
        recall_floor: float,
        truth: Truth | None,
    ) -> tuple[Partitions, float]:
        """Return partitions with enough overlap, and the share of neighbors that are together.

        More overlap may need more partitions, so that their rows fit into memory. It is not always
        a gain, and the last partitions that were one are returned.
        """
        parts, together = divide(overlap), 1.0
        if truth is None:
            return parts, together
        together = truth.share_together(parts)
        while together < recall_floor and not self._is_widest(parts):
            self._say_more(parts, together, "are in a common partition")
            wider = divide(parts.overlap + 1)
            more_together = truth.share_together(wider)
            if more_together < together + LEAST_GAIN:
                logger.info("neighbors: %.3f with more partitions; not taking them", more_together)
                break
            parts, together = wider, more_together
        return parts, together

    def _is_widest(self, parts: Partitions) -> bool:
        return parts.overlap >= min(MOST_OVERLAP, parts.n_partitions)

    def _say_more(self, parts: Partitions, share: float, what: str) -> None:
        logger.info(
            "neighbors: with %d partitions for each row, %.3f of the true neighbors %s; trying %d",
            parts.overlap,
            share,
            what,
            parts.overlap + 1,
        )

    def _search(self, capacity: Capacity) -> list[Any]:
        """Search the partitions, some at a time, and return the futures of the graphs."""
        parts, k = self.partitions, self._k
        merged: list[Any] = []
        for wave in _waves(parts.sizes * self._row_bytes, WAVE_SHARE * capacity.total_bytes):
            gathered = parts.gather(wave)
            found = [
                self._tasks(
                    "search", f"{parts.name}.{part}", search_partition, partition, self._recipe,
                    self._seed_of(part), k,
                )
                for part, partition in zip(wave, gathered, strict=True)
            ]  # fmt: skip
            tasks = []
            for block in range(len(self._blocks)):
                rows = self._blocks.range(block)
                cuts = [
                    self._tasks("cut", f"{parts.name}.{part}.{block}", Candidates.between, lists,
                                rows.start, rows.stop)
                    for part, lists in zip(wave, found, strict=True)
                    if parts.may_have(part, rows)
                ]  # fmt: skip
                name = f"{parts.name}.{wave[0]}.{block}"
                tasks.append(
                    self._tasks("merge", name, merge, [*merged[block : block + 1], *cuts], rows, k)
                )
            merged = finished(self._client, tasks)
        graphs = [
            self._tasks("graph", f"{parts.name}.{block}", check_complete, lists,
                        self._recipe.metric)
            for block, lists in enumerate(merged)
        ]  # fmt: skip
        return finished(self._client, graphs)


def _nothing(done: Sequence[Any]) -> None:
    """Be there when some tasks are done."""


def _row_bytes(sample: Any) -> float:
    """Return the bytes of a row."""
    parts = (sample.data, sample.indices) if hasattr(sample, "indptr") else (sample,)
    return max(1.0, sum(part.nbytes for part in parts) / sample.shape[0])


def _waves(sizes: NDArray[np.floating[Any]], limit: float) -> list[list[int]]:
    """Divide what has sizes into runs whose sizes add up to at most `limit`, or that have one."""
    waves: list[list[int]] = []
    held = 0.0
    for part, size in enumerate(sizes.tolist()):
        if not waves or held + size > limit:
            waves.append([])
            held = 0.0
        waves[-1].append(part)
        held += size
    return waves
