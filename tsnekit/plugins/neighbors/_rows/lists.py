"""Lists of nearest rows, made by the native layer: of all rows, or of candidates."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.blocks import shown_blocks

__all__ = ["Lists", "drop_self", "empty_lists", "rank", "rename", "scan"]

Lists: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]


def scan(
    queries: NDArray[np.float32],
    rows: NDArray[np.float32],
    metric: str,
    k: int,
    n_jobs: int,
    *,
    first: int = -1,
) -> Lists:
    """Find the `k` nearest rows of each query by measuring every pair.

    Parameters
    ----------
    queries : ndarray of shape (m, p), float32
    rows : ndarray of shape (n, p), float32
    metric : {"sqeuclidean", "manhattan", "hamming"}
    k : int
        At most n, or n - 1 if the queries are rows themselves.
    n_jobs : int
        Number of threads; the result does not depend on it.
    first : int, default=-1
        If the queries are rows themselves, the row of the first query. No row is then its own
        neighbor.

    Returns
    -------
    indices : ndarray of shape (m, k), int32
    distances : ndarray of shape (m, k), float32
        Ascending; ties by row.
    """
    from tsnekit._native.refine import scan_rows

    lists = empty_lists(len(queries), k)
    # A block takes about a second, and has work for all threads. Then Python looks for Ctrl-C.
    size = max(512 * n_jobs, 8_000_000_000 // max(1, rows.size))
    for block in shown_blocks(len(queries), size, "measuring every pair"):
        start = first if first < 0 else first + block.start
        scan_rows(queries[block], start, rows, metric, lists[0][block], lists[1][block], n_jobs)
    return lists


def rank(
    queries: NDArray[np.float32],
    rows: NDArray[np.float32],
    metric: str,
    candidates: NDArray[np.int32],
    k: int,
    n_jobs: int,
    *,
    first: int = -1,
) -> Lists:
    """Find the `k` nearest of the candidates of each query.

    Parameters and results are those of `scan`. `candidates` (m, c), int32, may be in any order and
    repeated; -1 stands for none. In the results, -1 and infinity fill empty places.
    """
    from tsnekit._native.refine import rank_candidates

    lists = empty_lists(len(queries), k)
    rank_candidates(queries, first, rows, metric, candidates, *lists, n_jobs)
    return lists


def rename(lists: Lists, names: NDArray[np.int32], n_jobs: int) -> None:
    """Replace each row r in lists by names[r], in place; ties come in the order of the names."""
    from tsnekit._native.forest import rename_rows

    rename_rows(*lists, names, n_jobs)


def drop_self(indices: NDArray[Any], distances: NDArray[Any], rows: NDArray[Any]) -> Lists:
    """Drop from each list of k + 1 neighbors the row that the list belongs to.

    The row is found by its index, since it may be at any place among its duplicates. If it is
    missing, the farthest neighbor is dropped instead.

    Parameters
    ----------
    indices, distances : ndarrays of shape (m, k + 1)
    rows : ndarray of shape (m,)
        The row that each list belongs to.

    Returns
    -------
    indices : ndarray of shape (m, k), int32
    distances : ndarray of shape (m, k), float32
    """
    own = indices == rows[:, None]
    own[:, -1] |= ~own.any(axis=1)
    shape = (indices.shape[0], indices.shape[1] - 1)
    return (
        indices[~own].reshape(shape).astype(np.int32, copy=False),
        distances[~own].reshape(shape).astype(np.float32, copy=False),
    )


def empty_lists(n: int, k: int) -> Lists:
    """Return lists to be filled."""
    return np.empty((n, k), dtype=np.int32), np.empty((n, k), dtype=np.float32)
