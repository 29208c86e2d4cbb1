"""Affinities and data of a file, read block by block and given to the workers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._files.reader import Stream, damage, open_archive
from tsnekit.affinity._matrix import check_matrix
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._rows import Rows
from tsnekit.dask._tasks import Tasks, finished
from tsnekit.interfaces import SparseAffinities

__all__ = [
    "PARTS_OF_P",
    "ROWS",
    "UNUSED",
    "are_symmetric",
    "read_again",
    "read_blocks",
    "sent_rows",
]

PARTS_OF_P = ("affinities/indices", "affinities/data")
ROWS = ("affinities/rows", "affinities/rows_indices", "affinities/rows_data")
UNUSED = ("affinities/neighbors", "affinities/distances")
"""Arrays that the client does not read as a whole: of P, of the data, and what no one needs."""

ROWS_OF_A_CHUNK = 50_000
"""Rows of the data that a worker gets at a time."""

TRIALS = 3
"""Random vectors that tell whether P is symmetric."""


def read_blocks(
    path: str | os.PathLike[str],
    streams: Mapping[str, Stream],
    indptr: NDArray[np.int64],
    blocks: Blocks,
) -> Iterator[SparseAffinities]:
    """Yield the blocks of P, checked one by one."""
    indices, data = (streams[name] for name in PARTS_OF_P)
    for block in range(len(blocks)):
        rows = blocks.range(block)
        pointers = indptr[rows.start : rows.stop + 1] - indptr[rows.start]
        with damage(path):
            part = SparseAffinities(
                pointers,
                indices.take(int(pointers[-1])),
                data.take(int(pointers[-1])),
                (len(pointers) - 1, blocks.n_samples),
            )
            part = check_matrix(part, name=f"P, rows {rows.start} to {rows.stop - 1}")
        yield part


def read_again(
    path: str | os.PathLike[str],
    indptr: NDArray[np.int64],
    blocks: Blocks,
    wanted: Sequence[int],
) -> Iterator[SparseAffinities]:
    """Yield some blocks of P of a file that was read before."""
    with open_archive(path, {*PARTS_OF_P, *ROWS, *UNUSED}) as (_, read, streams):
        if not np.array_equal(read.get("affinities/indptr", ()), indptr):
            raise ValueError(f"{path} holds another map by now")
        for block, part in enumerate(read_blocks(path, streams, indptr, blocks)):
            if block in wanted:
                yield part
            if block == max(wanted):
                return


def sent_rows(
    path: str | os.PathLike[str],
    client: Any,
    streams: Mapping[str, Stream],
    indptr: NDArray[Any] | None,
    problem: Any,
) -> Rows:
    """Give the data in a file to the workers, chunk by chunk."""
    from dask import delayed
    from scipy.sparse import csr_matrix

    n, p = problem.n_samples, problem.n_features
    sizes = Blocks.even(n, -(-n // ROWS_OF_A_CHUNK)).sizes
    with damage(path):
        used = [streams[name] for name in (ROWS[1:] if problem.sparse else ROWS[:1])]
        values = used[-1]
        expected = (int(indptr[-1]),) if indptr is not None else (n, p)
        if any(each.shape != expected for each in used):
            raise ValueError("the arrays of the data do not fit its shape")
        if values.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"the data must be of float32 or float64, got {values.dtype}")
    sent = []
    first = 0
    for size in sizes:
        with damage(path):
            if indptr is None:
                chunk = values.take(size)
            else:
                pointers = indptr[first : first + size + 1] - indptr[first]
                length = int(pointers[-1])
                if length < 0 or (np.diff(pointers) < 0).any():
                    raise ValueError("the row pointers of the data are not those of rows")
                columns, found = used[0].take(length), values.take(length)
                if length and not (columns.min() >= 0 and columns.max() < p):
                    raise ValueError(f"the columns of the data must be from 0 to {p - 1}")
                chunk = csr_matrix((found, columns, pointers), shape=(size, p))
            if not np.isfinite(chunk.data if problem.sparse else chunk).all():
                raise ValueError("the data holds NaN or infinity")
        sent.append(client.scatter(chunk, hash=False))
        first += size
    with damage(path):
        for each in used:
            each.finish()
    return Rows(
        [delayed(each) for each in sent],
        sizes,
        p,
        problem.sparse,
        values.dtype,
        problem.feature_names,
        held=tuple(sent),
    )


def are_symmetric(client: Any, blocks: Blocks, matrices: list[Any]) -> bool:
    """Return whether x P y and y P x are the same number, for random x and y."""
    rng = np.random.default_rng(0)
    vectors = client.scatter(rng.normal(size=(blocks.n_samples, 2 * TRIALS)), hash=False)
    tasks = Tasks("load")
    products = [
        tasks("symmetry", i, _products, matrix, vectors, blocks.range(i))
        for i, matrix in enumerate(matrices)
    ]
    [total] = finished(client, [tasks.total("symmetry", products)])
    one, other, scale = total.result()
    return bool((np.abs(one - other) <= 1e-9 * scale).all())


def _products(
    matrix: SparseAffinities, vectors: NDArray[np.float64], rows: slice
) -> NDArray[np.float64]:
    """Return the shares of these rows in x P y, y P x and a bound on both; called by a task."""
    from scipy.sparse import csr_matrix

    P = csr_matrix((matrix.data.astype(np.float64), matrix.indices, matrix.indptr), matrix.shape)
    x, y = vectors[:, :TRIALS], vectors[:, TRIALS:]
    one = (x[rows] * (P @ y)).sum(axis=0)
    other = (y[rows] * (P @ x)).sum(axis=0)
    return np.stack([one, other, (np.abs(x[rows]) * (P @ np.abs(y))).sum(axis=0)])
