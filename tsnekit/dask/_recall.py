"""How many of the true neighbors are found, measured on a sample of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.dask._blocks import Blocks
from tsnekit.dask._pairs import Pairs
from tsnekit.dask._partitions import Partitions, Sample, take_rows
from tsnekit.dask._tasks import Tasks, finished
from tsnekit.interfaces import NeighborGraph

__all__ = ["Truth"]

RECALL_ROWS = 500
"""Rows whose true neighbors are found."""


class Truth:
    """The true neighbors of some rows, from a scan of all chunks.

    Parameters
    ----------
    client : distributed.Client
    sample : Sample
    data : future
        The rows of the sample.
    pairs : Pairs
        Finds the true neighbors.
    k : int
    seed : int
    """

    def __init__(
        self, client: Any, sample: Sample, data: Any, pairs: Pairs, k: int, seed: int
    ) -> None:
        self._client, self._tasks = client, Tasks("recall")
        rng = np.random.default_rng(seed)
        size = min(RECALL_ROWS, len(sample.numbers))
        places = np.sort(rng.choice(len(sample.numbers), size, replace=False))
        self._rows = sample.numbers[places]
        queries = self._tasks("sample", 0, take_rows, data, places)
        [future] = finished(client, [pairs.nearest(queries, k, "recall", self._rows)])
        found = future.result()
        self._indices, self._distances = found.indices, found.distances

    def share_together(self, parts: Partitions) -> float:
        """Return the share of true neighbors that are in a partition with their row.

        Neighbors as far as the last one are left out, since others may be as far.
        """
        numbers = np.unique(np.concatenate([self._rows, self._indices.ravel()]))
        of_rows = parts.of_rows(numbers)
        own = of_rows[np.searchsorted(numbers, self._rows)][:, None, :, None]
        others = of_rows[np.searchsorted(numbers, self._indices)][:, :, None, :]
        together = (own == others).any(axis=(2, 3))
        nearer = self._distances < self._distances[:, -1:]
        return float(together[nearer].mean()) if nearer.any() else 1.0

    def share_found(self, graphs: Sequence[Any], blocks: Blocks, name: str) -> float:
        """Return the share of true neighbors in the graphs of blocks.

        Rows at the same distance as the last true neighbor are as good as that one.
        """
        edges = np.searchsorted(self._rows, blocks.bounds)
        parts = [
            self._tasks("found", f"{name}.{block}", _distances_of, graph,
                        self._rows[edges[block] : edges[block + 1]] - blocks.bounds[block])
            for block, graph in enumerate(graphs)
        ]  # fmt: skip
        found = np.concatenate(self._client.gather(self._client.compute(parts)))
        return float((found <= self._distances[:, -1:] * (1 + 1e-5)).mean())


def _distances_of(graph: NeighborGraph, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    return graph.distances[rows]
