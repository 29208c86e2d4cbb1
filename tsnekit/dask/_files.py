"""Maps of a cluster as files, which are also those of maps on one machine."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit._descent.parameters import DescentParameters
from tsnekit._embedding.state import fresh_state
from tsnekit._files.affinities import (
    check_jobs,
    pack_search,
    unpack_problem,
)
from tsnekit._files.archive import Parts, write_archive
from tsnekit._files.backends import backend_from_plain, backend_to_plain
from tsnekit._files.embedding import (
    pack_state,
    parameters_from_plain,
    take_backends,
    take_random_state,
    unpack_state,
    with_prefix,
)
from tsnekit._files.reader import Stream, damage, open_archive
from tsnekit._files.schema import Arrays, Fields, refusals
from tsnekit._files.values import to_plain
from tsnekit._util.validation import check_positions
from tsnekit.affinity._matrix import check_matrix
from tsnekit.affinity._neighbors import check_symmetrize
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._cluster import check_cluster, find_client
from tsnekit.dask._joint import DaskAffinities
from tsnekit.dask._neighbors import known_data
from tsnekit.dask._rows import Rows, rows_of
from tsnekit.dask._tasks import Tasks, finished
from tsnekit.errors import PluginError
from tsnekit.interfaces import SparseAffinities

if TYPE_CHECKING:
    from tsnekit.dask._embedding import DaskEmbedding

__all__ = ["load", "save"]

logger = logging.getLogger(__name__)

Taken = TypeVar("Taken")

PARTS_OF_P = ("affinities/indices", "affinities/data")
ROWS = ("affinities/rows", "affinities/rows_indices", "affinities/rows_data")
UNUSED = ("affinities/neighbors", "affinities/distances")
"""Arrays that the client does not read as a whole: of P, of the data, and what no one needs."""

ROWS_OF_A_CHUNK = 50_000
"""Rows of the data that a worker gets at a time."""

TRIALS = 3
"""Random vectors that tell whether P is symmetric."""


def save(
    embedding: DaskEmbedding,
    path: str | os.PathLike[str],
    *,
    data: bool = True,
    notes: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]] | None = None,
) -> None:
    """Save a map to a file; see `DaskEmbedding.save`.

    Parameters
    ----------
    embedding : DaskEmbedding
    path : path-like
    data : bool, default=True
        Whether to include the data.
    notes : tuple of mapping, optional
        See `tsnekit._files.embedding.save`.
    """
    state, affinities = embedding.state, embedding.affinities
    find_client(affinities.client)
    header, arrays = pack_state(state, embedding.compute())
    header["random_state"] = to_plain(embedding.random_state, "random_state")
    header["affinities"], of_affinities = _pack(affinities, state.parameters.n_jobs, data)
    arrays |= with_prefix("affinities", of_affinities)
    if notes is not None:
        header["notes"] = dict(notes[0])
        arrays |= with_prefix("notes", notes[1])
    write_archive(path, header, arrays)


def _pack(
    affinities: DaskAffinities, n_jobs: int | None, data: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the arrays of affinities, those on the workers as `Parts`."""
    indptr = affinities.row_ends()
    length = (int(indptr[-1]),)
    arrays: dict[str, Any] = {
        "indptr": indptr,
        "indices": Parts(length, np.int32, affinities.parts("indices")),
        "data": Parts(length, np.float32, affinities.parts("data")),
    }
    if affinities.kernel is None:
        return {"kind": "Affinities", "verbose": False}, arrays
    index: dict[str, Any] = {}
    if affinities.problem is not None:
        index = pack_search(affinities.search, affinities.problem)
    if index and data and affinities.rows is not None:
        arrays |= _pack_rows(affinities.client, affinities.rows)
    header = {
        "kind": "NeighborAffinities",
        "verbose": False,
        "symmetrize": True,
        "n_jobs": n_jobs,
        "kernel": backend_to_plain("affinity", affinities.kernel),
        "index": index,
    }
    return header, arrays


def _pack_rows(client: Any, rows: Rows) -> dict[str, Any]:
    shape = rows.n_samples, rows.n_features
    if not rows.sparse:
        return {"rows": Parts(shape, rows.dtype, _each(client, rows, np.asarray))}
    counts = np.concatenate([*_each(client, rows, _counts)])
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    length = (int(indptr[-1]),)
    return {
        "rows_indptr": indptr,
        "rows_indices": Parts(length, np.int32, _each(client, rows, _columns)),
        "rows_data": Parts(length, rows.dtype, _each(client, rows, _values)),
    }


def _each(client: Any, rows: Rows, function: Callable[[Any], Any]) -> Iterator[NDArray[Any]]:
    """Yield a function of each chunk, one chunk at a time."""
    tasks = Tasks("save")
    for i, chunk in enumerate(rows.chunks):
        [done] = finished(client, [tasks("rows", i, function, chunk)])
        yield done.result()


def _counts(chunk: Any) -> NDArray[np.int64]:
    return np.diff(chunk.indptr).astype(np.int64)


def _columns(chunk: Any) -> NDArray[np.int32]:
    return np.asarray(chunk.indices, dtype=np.int32)


def _values(chunk: Any) -> NDArray[Any]:
    return np.asarray(chunk.data)


def load(path: str | os.PathLike[str], client: Any = None, *, X: Any = None) -> DaskEmbedding:
    """Read a map from a file, and give its affinities to the workers of a cluster.

    The file may come from `DaskEmbedding.save` or from `tsnekit.TSNEEmbedding.save`. This machine
    reads the file, and only holds a block of it at a time. The checks are those of `tsnekit.load`.

    Parameters
    ----------
    path : path-like
    client : distributed.Client, optional
        The default is the current client.
    X : dask array or DataFrame, optional
        The data of the map, for new rows. The default is the data in the file, if it is there. The
        workers then hold it in their memory.

    Returns
    -------
    DaskEmbedding

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError, ValueError
        If tsnekit did not save the file, if it is damaged, if its affinities are not symmetric, or
        if `X` is not the data of the map.
    """
    client = find_client(client)
    n_workers = len(check_cluster(client))
    with open_archive(path, {*PARTS_OF_P, *ROWS, *UNUSED}) as (header, read, streams):
        try:
            return _Loading(path, client, n_workers, X, streams).unpack(header, read)
        except PluginError as error:
            raise ValueError(f"{path} cannot be loaded here: {error}") from error


class _Loading:
    """What is read of a file, and given to the workers.

    Parameters
    ----------
    path : path-like
    client : Client
    n_workers : int
    X : dask collection or None
    streams : dict of str to Stream
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        client: Any,
        n_workers: int,
        X: Any,
        streams: Mapping[str, Stream],
    ) -> None:
        self._path, self._client, self._n_workers = path, client, n_workers
        self._X, self._streams = X, streams

    def unpack(self, header: Mapping[str, Any], read: Mapping[str, NDArray[Any]]) -> DaskEmbedding:
        """Return the map."""
        from tsnekit.dask._embedding import DaskEmbedding

        fields, arrays = Fields(header, ""), Arrays(read, "")
        if fields.text("kind") != "TSNEEmbedding":
            raise ValueError(
                f"{self._path} holds new points on a map, which are not for a cluster; "
                "tsnekit.load reads it"
            )
        arrays.arrays("notes")
        if "notes" in fields:
            fields.raw("notes")
        positions = self._checked(
            lambda: check_positions(
                arrays.take("positions", (None, None), np.float32), name="positions"
            )
        )
        if 0 in positions.shape:
            raise ValueError(f"{self._path} is damaged: it holds no points")
        n = len(positions)
        affinities = self._affinities(fields.fields("affinities"), arrays.arrays("affinities"), n)

        def completed() -> DaskEmbedding:
            random_state = take_random_state(fields)
            of_parameters = fields.fields("parameters")
            backends = take_backends(of_parameters)
            with refusals(fields.path("parameters")):
                parameters = DescentParameters().replace(**parameters_from_plain(of_parameters))
            embedding = DaskEmbedding(
                positions, affinities, fresh_state(parameters, None), random_state
            )
            unpack_state(embedding, backends, fields, arrays)
            fields.finish()
            arrays.finish()
            return embedding

        embedding = self._checked(completed)
        if fields.notices:
            logger.warning("%s: %s", self._path, "; ".join(dict.fromkeys(fields.notices)))
        return embedding

    def _checked(self, take: Callable[[], Taken]) -> Taken:
        try:
            return take()
        except PluginError:
            raise
        except ValueError as error:
            raise ValueError(f"{self._path} is damaged: {error}") from error

    def _affinities(self, fields: Fields, arrays: Arrays, n: int) -> DaskAffinities:
        kernel: Any = None
        search: Any = None
        problem: Any = None
        rows = None
        fields.text("kind")
        fields.flag("verbose")
        if "kernel" in fields:

            def of_neighbors() -> tuple[Any, Any, Any]:
                check_symmetrize(fields.raw("symmetrize"))
                check_jobs(fields)
                kernel = backend_from_plain("affinity", fields.fields("kernel"))
                index = fields.fields("index")
                if "search" not in index:
                    return kernel, None, None
                problem = unpack_problem(index.fields("problem"), n)
                search = backend_from_plain("neighbors", index.fields("search"))
                return kernel, search, problem

            kernel, search, problem = self._checked(of_neighbors)
        if problem is not None:
            rows = self._rows(arrays, problem)
        elif self._X is not None:
            raise ValueError(
                f"X is for new rows, but {self._path} does not say how neighbors are searched"
            )
        blocks = Blocks.for_workers(n, self._n_workers)
        matrices = self._blocks_of_p(arrays, blocks)
        find = None
        if rows is not None:
            find = functools.partial(known_data, self._client, rows, search, problem)
        return DaskAffinities(
            self._client,
            blocks,
            matrices,
            kernel=kernel,
            rows=rows,
            search=search,
            problem=problem,
            neighbors=find,
        )

    def _blocks_of_p(self, arrays: Arrays, blocks: Blocks) -> list[Any]:
        n = blocks.n_samples
        indptr = self._checked(lambda: arrays.take("indptr", (n + 1,), np.int64))
        with damage(self._path):
            indices, data = (self._streams[name] for name in PARTS_OF_P)
            if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
                raise ValueError("the row pointers of P are not those of rows")
            for each, dtype in ((indices, np.int32), (data, np.float32)):
                if each.dtype != dtype or each.shape != (indptr[-1],):
                    raise ValueError("the arrays of P do not fit its row pointers")
        matrices = []
        for block in range(len(blocks)):
            rows = blocks.range(block)
            pointers = indptr[rows.start : rows.stop + 1] - indptr[rows.start]
            with damage(self._path):
                part = SparseAffinities(
                    pointers,
                    indices.take(int(pointers[-1])),
                    data.take(int(pointers[-1])),
                    (len(pointers) - 1, n),
                )
                part = check_matrix(part, name=f"P, rows {rows.start} to {rows.stop - 1}")
            matrices.append(self._client.scatter(part, hash=False))
        with damage(self._path):
            indices.finish()
            data.finish()
        if not _are_symmetric(self._client, blocks, matrices):
            raise ValueError(
                f"the affinities in {self._path} are not symmetric, but a cluster needs them so; "
                "fit(affinities=tsnekit.load(path).affinities) makes them symmetric"
            )
        return matrices

    def _rows(self, arrays: Arrays, problem: Any) -> Rows | None:
        """Return the data: that which was given, or that of the file, or None."""
        shape = problem.n_samples, problem.n_features
        is_there = "affinities/rows" in self._streams or "rows_indptr" in arrays
        indptr = None
        if "rows_indptr" in arrays:
            indptr = self._checked(
                lambda: arrays.take("rows_indptr", (shape[0] + 1,), np.int32, np.int64)
            )
        if self._X is not None:
            rows = rows_of(self._X, self._client)
            if (rows.n_samples, rows.n_features) != shape or rows.sparse != problem.sparse:
                raise ValueError(
                    f"X must be the data of the map, {shape[0]} rows and {shape[1]} columns"
                    f"{' of a sparse array' if problem.sparse else ''}, got {rows.n_samples} and "
                    f"{rows.n_features}"
                )
            return rows
        if not is_there:
            return None
        return _sent_rows(self._path, self._client, self._streams, indptr, problem)


def _sent_rows(
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
    parts = []
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
        parts.append(delayed(client.scatter(chunk, hash=False)))
        first += size
    with damage(path):
        for each in used:
            each.finish()
    return Rows(parts, sizes, p, problem.sparse, values.dtype, problem.feature_names)


def _are_symmetric(client: Any, blocks: Blocks, matrices: list[Any]) -> bool:
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
