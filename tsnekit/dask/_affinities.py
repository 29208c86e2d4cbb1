"""P from the neighbors of all rows, block by block; it is never in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import weights_of
from tsnekit.affinity._matrix import conditional_affinities
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._tasks import Tasks, finished
from tsnekit.interfaces import AffinityKernel, NeighborGraph, SparseAffinities

__all__ = ["affinities"]

ENTRIES_AT_ONCE = 1 << 20
"""Entries that are joined at a time, so that the temporary arrays are small beside a block."""


class _Edges(NamedTuple):
    """Edges from the rows of one block to the rows of another, ordered by origin."""

    origin: NDArray[np.int32]
    target: NDArray[np.int32]
    weight: NDArray[np.float32]


def affinities(
    client: Any,
    graphs: Sequence[Any],
    blocks: Blocks,
    kernel: AffinityKernel,
    *,
    n_jobs: int = 1,
) -> list[Any]:
    """Turn neighbors into P = (W + W^T) / 2n, by plain tasks that a cluster can repeat.

    The kernel turns the distances of a block into its rows of W. Each entry also goes to the block
    that owns its column, where it is an entry of W^T. For each neighbor of a block, the task that
    computes its weights holds up to 40 bytes, and the task that joins them holds up to 50.

    Parameters
    ----------
    client : distributed.Client
    graphs : sequence of futures
        A `NeighborGraph` of each block, with as many neighbors as the kernel needs.
    blocks : Blocks
    kernel : AffinityKernel
    n_jobs : int, default=1
        Threads of a task.

    Returns
    -------
    list of futures
        The rows of P of each block, a `SparseAffinities` of shape (rows of the block, n). Together,
        they are symmetric, to the bit, and sum to 1. Every edge is kept, however small its weight.

    Raises
    ------
    ValueError
        If the weights of the kernel are not valid.
    """
    tasks = Tasks("affinities")
    everyone = range(len(blocks))
    weighed = [
        tasks("weights", block, _weighed, graphs[block], blocks, block, kernel, n_jobs)
        for block in everyone
    ]
    own = [tasks("own", block, _item, weighed[block], 0) for block in everyone]
    sums = [tasks("sum", f"{block}.0", _sum, own[block]) for block in everyone]
    total = tasks.total("total", sums)
    joined = []
    for owner in everyone:
        edges = [
            tasks("piece", f"{block}.{owner}", _item, weighed[block], 1 + owner)
            for block in everyone
        ]
        rows = blocks.range(owner)
        joined.append(tasks("join", owner, _joined, own[owner], edges, rows.start, total))
    return finished(client, joined)


def _item(results: Sequence[Any], place: int) -> Any:
    return results[place]


def _sum(W: SparseAffinities) -> NDArray[np.float64]:
    return np.array([W.data.sum(dtype=np.float64)])


def _weighed(
    graph: NeighborGraph, blocks: Blocks, block: int, kernel: AffinityKernel, n_jobs: int
) -> list[Any]:
    """Return the rows of W of a block, and then its edges to each block."""
    weights = weights_of(kernel, graph.distances, n_jobs)
    W = conditional_affinities(graph.indices, weights, blocks.n_samples, n_jobs=n_jobs)
    k = weights.shape[1]
    owners = blocks.owners(W.indices)
    # Numbers of 16 bits are sorted in linear time.
    narrow = np.uint16 if len(blocks) <= 2**16 else np.intp
    order = np.argsort(owners.astype(narrow), kind="stable")
    edges = _Edges(
        (order // k + blocks.range(block).start).astype(np.int32), W.indices[order], W.data[order]
    )
    ends = np.cumsum(np.bincount(owners, minlength=len(blocks)))[:-1]
    parts = zip(*(np.split(part, ends) for part in edges), strict=True)
    # Copies, since a part would otherwise keep all of them.
    return [W, *(_Edges(*(part.copy() for part in of_block)) for of_block in parts)]


def _joined(
    W: SparseAffinities, edges: Sequence[_Edges], start: int, total: NDArray[np.float64]
) -> SparseAffinities:
    """Return (W + W^T) / sum of it for the rows of a block, from W and the edges to its rows."""
    n, n_samples = W.shape
    incoming = _by_target(edges, start, n, n_samples)
    scale = np.float32(0.5 / total[0] if total[0] > 0 else 0)
    lengths = np.diff(W.indptr) + np.diff(incoming.indptr)
    ends = np.cumsum(lengths)
    counts = np.zeros(n + 1, dtype=np.int64)
    columns, values = [], []
    first = 0
    while first < n:
        before = ends[first - 1] if first else 0
        stop = int(np.searchsorted(ends, before + ENTRIES_AT_ONCE, side="right"))
        stop = max(first + 1, stop)
        keys, data = _merged_rows(W, incoming, first, stop)
        rows, column = np.divmod(keys, n_samples)
        counts[first + 1 : stop + 1] = np.bincount(rows, minlength=stop - first)
        columns.append(column.astype(np.int32))
        values.append(data * scale)
        first = stop
    return SparseAffinities(
        np.cumsum(counts), np.concatenate(columns), np.concatenate(values), (n, n_samples)
    )


def _by_target(edges: Sequence[_Edges], start: int, n: int, n_samples: int) -> Any:
    """Return the edges to the rows of a block as rows of W^T.

    The edges are ordered by their origin, so that every row of the result is sorted.
    """
    from scipy.sparse import coo_matrix

    origin, target, weight = (
        np.concatenate([getattr(part, field) for part in edges]) for field in _Edges._fields
    )
    return coo_matrix((weight, (target - np.int32(start), origin)), shape=(n, n_samples)).tocsr()


def _merged_rows(
    W: SparseAffinities, incoming: Any, first: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the entries of W + W^T in some rows, each with row * n + column as its key."""
    keys, data = [], []
    for matrix in (W, incoming):
        places = slice(matrix.indptr[first], matrix.indptr[stop])
        rows = np.repeat(np.arange(stop - first), np.diff(matrix.indptr[first : stop + 1]))
        keys.append(rows * W.shape[1] + matrix.indices[places])
        data.append(matrix.data[places])
    key, value = np.concatenate(keys), np.concatenate(data)
    order = np.argsort(key, kind="stable")  # both parts are sorted, which this makes use of
    key, value = key[order], value[order]
    again = np.flatnonzero(key[1:] == key[:-1]) + 1
    value[again - 1] += value[again]
    keep = np.ones(len(key), dtype=bool)
    keep[again] = False
    return key[keep], value[keep]
