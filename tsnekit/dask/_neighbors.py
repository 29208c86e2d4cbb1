"""The nearest neighbors of all rows, found by a search in each partition."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tsnekit._backends.resolve import Choice
from tsnekit._util.process import show_logs
from tsnekit._util.validation import check_integer, check_real
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._pairs import Pairs
from tsnekit.dask._partitioned import PartitionedSearch
from tsnekit.dask._searches import Recipe, resolve_recipe
from tsnekit.dask._tasks import Tasks, finished
from tsnekit.interfaces import (
    Metric,
    NeighborSearch,
    SearchProblem,
)

__all__ = ["DaskNeighbors", "find_neighbors", "known_data"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DaskNeighbors:
    """The neighbors of all rows, block by block, on the workers.

    Parameters
    ----------
    graphs : list of futures
        A `NeighborGraph` of each block, with the numbers of all rows as indices.
    estimated_recall : float or None
        Share of the true neighbors that were found, measured on a sample of the rows. None where
        no exact search has the metric.
    overlap : int
        In how many partitions each row was searched.
    n_partitions : int
    choice : Choice
        The search, and why it was chosen.
    """

    graphs: list[Any]
    estimated_recall: float | None
    overlap: int
    n_partitions: int
    choice: Choice
    _source: Any

    def without_graphs(self) -> DaskNeighbors:
        """Return what finds neighbors of new rows, and keeps nothing else on the workers."""
        return replace(self, graphs=[])

    def query(self, chunks: Sequence[Any], sizes: Sequence[int], k: int) -> list[Any]:
        """Return the tasks that find neighbors of rows outside the data.

        The tasks share their work if they are computed together. The partitions are gathered again
        from the chunks of the data. If they do not fit into the memory of the workers at the same
        time, some of them follow others.

        Parameters
        ----------
        chunks : sequence of Delayed
            New rows, checked: arrays, or CSR matrices if the data is sparse.
        sizes : sequence of int
            Rows of each chunk.
        k : int
            At most as many as there are rows.

        Returns
        -------
        list of Delayed
            A `NeighborGraph` of each chunk.

        Raises
        ------
        ValueError
            If the search cannot find neighbors of new rows.
        """
        # Queries have no task in common; see `Rows.again`.
        found: list[Any] = self._source.again().query(chunks, sizes, k)
        return found


def find_neighbors(
    client: Any,
    rows: Any,
    blocks: Blocks,
    *,
    neighbors: Any = "auto",
    neighbors_params: Mapping[str, Any] | None = None,
    metric: Metric = "euclidean",
    metric_params: Mapping[str, Any] | None = None,
    k: int,
    seed: int = 0,
    overlap: int = 2,
    recall_floor: float = 0.95,
    partition_rows: int | None = None,
    n_jobs: int = 1,
    verbose: bool = False,
) -> DaskNeighbors:
    """Find the nearest neighbors of all rows, by plain tasks that a cluster can repeat.

    Each row is searched in several partitions, and the lists that this gives are merged. The result
    depends on the chunks, the blocks, and the number and memory of the workers, but not on which
    worker does what.

    Parameters
    ----------
    client : distributed.Client
    rows : Rows
    blocks : Blocks
        Of the rows of the result.
    neighbors, neighbors_params, metric, metric_params
        See `tsnekit.TSNE`. The rules choose a search for each partition. A search that is exact
        compares all rows.
    k : int
        How many neighbors of each row.
    seed : int, default=0
    overlap : int, default=2
        In how many partitions each row is at least; fewer if there are fewer.
    recall_floor : float, default=0.95
        The overlap grows until this share of the true neighbors is found, or until it would not
        help.
    partition_rows : int, optional
        Rows of a partition at most. By default, the memory of the workers decides.
    n_jobs : int, default=1
        Threads of a task.
    verbose : bool, default=False
        Whether to show what is done.

    Returns
    -------
    DaskNeighbors

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid, or rows have fewer than `k` neighbors at a finite distance.
    BackendUnavailableError
        If the search cannot serve the rows.
    """
    n = rows.n_samples
    k = check_integer("k", k, at_least=1)
    if k >= n:
        raise ValueError(f"k={k} neighbors need more than {n} rows")
    overlap = check_integer("overlap", overlap, at_least=2)
    recall_floor = check_real("recall_floor", recall_floor, at_least=0, at_most=1)
    if partition_rows is not None:
        partition_rows = check_integer("partition_rows", partition_rows, at_least=k + 1)
    recipe = Recipe(
        method=neighbors,
        params=neighbors_params,
        metric=metric,
        metric_params=metric_params,
        n_jobs=n_jobs,
        feature_names=rows.feature_names,
    )
    shape = n, rows.n_features
    with show_logs(verbose):
        choice, is_exact = resolve_recipe(recipe, shape, rows.sparse)
    tasks = Tasks("neighbors")
    if is_exact:
        pairs = Pairs(rows, recipe, tasks)
        graphs = finished(client, pairs.graphs(blocks, k))
        return DaskNeighbors(graphs, 1.0, 1, 1, replace(choice, recall=1.0), pairs)
    # The search that measures the others is nothing to tell.
    search = PartitionedSearch(client, rows, blocks, recipe, k, seed, tasks)
    with show_logs(verbose):
        graphs, recall = search.run(overlap, recall_floor, partition_rows)
    parts = search.partitions
    found = replace(choice, recall=recall)
    return DaskNeighbors(graphs, recall, parts.overlap, parts.n_partitions, found, search)


def known_data(
    client: Any, rows: Any, search: NeighborSearch, problem: SearchProblem
) -> DaskNeighbors:
    """Return what finds neighbors of new rows, without a search for those of the data.

    Parameters
    ----------
    client : distributed.Client
    rows : Rows
    search : NeighborSearch
    problem : SearchProblem
        What the search was for.
    """
    recipe = Recipe(
        method=search,
        metric=problem.metric,
        metric_params=problem.metric_params,
        n_jobs=problem.n_jobs,
        feature_names=rows.feature_names,
    )
    choice, is_exact = resolve_recipe(recipe, (rows.n_samples, rows.n_features), rows.sparse)
    tasks = Tasks("neighbors")
    if is_exact:
        return DaskNeighbors([], None, 1, 1, choice, Pairs(rows, recipe, tasks))
    blocks = Blocks.even(rows.n_samples, 1)
    found = PartitionedSearch(client, rows, blocks, recipe, 1, problem.seed, tasks)
    found.divide()
    parts = found.partitions
    return DaskNeighbors([], None, parts.overlap, parts.n_partitions, choice, found)
