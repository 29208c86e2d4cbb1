"""What a task does with a partition: a search of its rows, or of new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.locks import Lock
from tsnekit.dask._candidates import Candidates, check_complete, merge
from tsnekit.dask._partitions import Partition
from tsnekit.dask._searches import Recipe
from tsnekit.interfaces import NeighborGraph, SupportsQuery

__all__ = ["Fitted", "merged_query", "query_partition", "search_partition"]


class Fitted:
    """A search fitted to a partition. It travels as its rows, since an index may not."""

    def __init__(self, partition: Partition, recipe: Recipe, seed: int) -> None:
        self._partition, self._recipe, self._seed = partition, recipe, seed
        self._search: Any = recipe.fit(partition.X, seed)
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_search": None}

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return the nearest rows of the partition, by their numbers in the whole data."""
        # A search may prepare itself at the first query, and a worker may have several threads.
        with self._lock.held():
            if self._search is None:
                self._search = self._recipe.fit(self._partition.X, self._seed)
            if not isinstance(self._search, SupportsQuery):
                raise ValueError(
                    f"{type(self._search).__name__} cannot find neighbors of new rows; choose "
                    "another neighbor search"
                )
            found = self._search.query(X, k)
        return NeighborGraph(_numbered(self._partition, found.indices), found.distances)

    @property
    def n_samples(self) -> int:
        """The number of rows in the partition."""
        return len(self._partition.rows)


def search_partition(partition: Partition, recipe: Recipe, seed: int, k: int) -> Candidates:
    """Search the rows of a partition; it holds the partition, the search, and its lists."""
    numbers = partition.rows
    try:
        graph = recipe.fit(partition.X, seed).neighbors(min(k, len(numbers) - 1))
    except ValueError as error:
        raise ValueError(
            f"{error}. This is from a search of {len(numbers)} of the rows, whose row 0 is row "
            f"{numbers[0]} of the data"
        ) from error
    indices = _numbered(partition, graph.indices)
    return Candidates(numbers, indices, graph.distances).without_self()


def _numbered(partition: Partition, indices: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the numbers in the whole data of rows of a partition; -1 stays."""
    numbers = partition.rows.astype(np.int32)[indices]
    return np.where(indices < 0, np.int32(-1), numbers)


def query_partition(fitted: Fitted, piece: Partition, k: int) -> Candidates:
    k = min(k, fitted.n_samples)
    if not len(piece.rows):
        return Candidates(piece.rows, np.empty((0, k), np.int32), np.empty((0, k), np.float32))
    found = fitted.query(piece.X, k)
    return Candidates(piece.rows, found.indices, found.distances)


def merged_query(parts: Sequence[Candidates], chunk: Any, k: int, metric: Any) -> NeighborGraph:
    return check_complete(merge(parts, slice(0, chunk.shape[0]), k), metric)
