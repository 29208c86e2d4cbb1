"""The data of a cluster: rows in chunks, which stay where they are until a task reads them."""

from __future__ import annotations

import dataclasses
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.validation import (
    check_column_names,
    check_columns,
    check_data,
    check_integer,
    column_names,
)
from tsnekit.errors import ClusterError

__all__ = ["Rows", "open_rows", "rows_of"]

CHUNK_BYTES = 64 * 2**20
"""About how many bytes of a file one task reads."""

ENDINGS = (".zarr", ".parquet", ".npy")
"""What `open_rows` opens, by the end of the name."""


@dataclass(frozen=True)
class Rows:
    """Rows in chunks, checked as far as they can be before they are read.

    Parameters
    ----------
    chunks : list of Delayed
        Each computes to a checked array or CSR matrix of its rows. A chunk with an invalid value
        raises a ValueError that names the chunk and the row. A chunk is read again at each use,
        unless the data is in the memory of the workers.
    sizes : tuple of int
        Rows of each chunk, none of which is empty.
    n_features : int
    sparse : bool
        Whether the chunks are CSR matrices.
    dtype : dtype
        float32 or float64, the same for all chunks.
    feature_names : tuple of str, optional
    held : tuple of Future
        Chunks that only the memory of the workers has.
    """

    chunks: list[Any]
    sizes: tuple[int, ...]
    n_features: int
    sparse: bool
    dtype: np.dtype[Any]
    feature_names: tuple[str, ...] | None = None
    held: tuple[Any, ...] = ()

    def check_there(self) -> None:
        """Check that chunks which only the workers have were not lost with one of them.

        Raises
        ------
        ClusterError
            If one was.
        """
        if any(each.status == "cancelled" for each in self.held):
            raise ClusterError(
                "data that was read from the file of the map was lost with a worker; load the file "
                "again, or give the data as X to tsnekit.dask.load"
            )

    @property
    def n_samples(self) -> int:
        """The number of rows."""
        return sum(self.sizes)

    def again(self) -> Rows:
        """Return the same rows in chunks of other names, for the graph of a dask array.

        Dask optimizes such a graph: it joins tasks under the name of the last one. A scheduler that
        knows the name must not get another task by it.
        """
        from dask import delayed

        run = uuid.uuid4().hex
        renamed = [
            delayed(_itself)(chunk, dask_key_name=f"tsnekit-rows-{run}-{i}")
            for i, chunk in enumerate(self.chunks)
        ]
        return dataclasses.replace(self, chunks=renamed)


def rows_of(X: Any, client: Any, *, name: str = "X", like: Rows | None = None) -> Rows:
    """Return the rows of a dask collection.

    Parameters
    ----------
    X : dask array or DataFrame
        In chunks of whole rows.
    client : Client
        Counts the rows of the partitions of a DataFrame.
    name : str, default="X"
        Name of the parameter, for messages.
    like : Rows, optional
        Rows that these must have the columns of, and be sparse like.

    Raises
    ------
    TypeError, ValueError
        If `X` is something else, its chunks are of unknown sizes or not of whole rows, it does not
        hold numbers, or its columns are not those of `like`.
    """
    if _is_frame(X):
        parts, sizes, meta = _of_frame(X, client, name)
    elif _is_array(X):
        parts, sizes, meta = _of_array(X, name)
    else:
        raise TypeError(f"{name} must be a dask array or dask DataFrame, {_way_out(X)}")
    n_features = int(meta.shape[1])
    sparse = hasattr(meta, "indptr") if like is None else like.sparse
    names = column_names(meta)
    if n_features < 1:
        raise ValueError(f"{name} must have at least one column, got shape {X.shape}")
    if like is not None:
        if n_features != like.n_features:
            raise ValueError(
                f"{name} has {n_features} features, but the fitted data has {like.n_features}"
            )
        check_column_names(meta, like.feature_names, name=name)
    dtype = check_data(meta, name=name).dtype
    chunks = []
    first = 0
    for number, (part, size) in enumerate(zip(parts, sizes, strict=True)):
        if size:
            chunks.append(
                _later(
                    "tsnekit-rows",
                    _checked,
                    part,
                    f"chunk {number} of {name}",
                    first,
                    (size, n_features),
                    dtype,
                    sparse,
                    like is not None,
                )
            )
        first += size
    return Rows(chunks, tuple(size for size in sizes if size), n_features, sparse, dtype, names)


def open_rows(
    path: str | os.PathLike[str], *, component: str | None = None, chunk_rows: int | None = None
) -> Any:
    """Open a file, or a folder, as rows that the workers of a cluster read by themselves.

    Nothing but shape and type is read now. Each worker must see the file under the same path, such
    as on a shared file system.

    Parameters
    ----------
    path : path-like
        A Zarr array, ending in ``.zarr``; Parquet, a file or a folder of files, ending in
        ``.parquet``; or an array of NumPy, ending in ``.npy``, of which each task maps its own rows
        into memory. Zarr and Parquet need the packages of these names in the way that Dask does.
    component : str, optional
        The path of the array within a Zarr group.
    chunk_rows : int, optional
        Rows of a chunk, for ``.zarr`` and ``.npy``. The default gives chunks of about 64 MB, and
        whole chunks of a Zarr array.

    Returns
    -------
    dask array or dask DataFrame
        For ``tsnekit.dask.TSNE.fit`` and ``DaskEmbedding.transform``.

    Raises
    ------
    ImportError
        If a package is missing; the message names it.
    OSError
        If there is no such file.
    TypeError, ValueError
        If the file is of another kind, or does not hold a table.

    Examples
    --------
    >>> import tsnekit.dask
    >>> X = tsnekit.dask.open_rows("cells.zarr")  # doctest: +SKIP
    """
    given = os.fspath(path)
    ending = Path(given.rstrip("/")).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"path must end in {', '.join(ENDINGS)}, got {given!r}")
    if chunk_rows is not None:
        chunk_rows = check_integer("chunk_rows", chunk_rows, at_least=1)
    if "://" not in given and not Path(given).exists():
        raise FileNotFoundError(f"there is no file or folder {given!r}")
    if component is not None and ending != ".zarr":
        raise ValueError(f"component names an array in a Zarr group, but path is {given!r}")
    if ending == ".parquet":
        if chunk_rows is not None:
            raise ValueError("chunk_rows is not for Parquet, whose parts are those of the files")
        return _open_parquet(given)
    return (
        _open_zarr(given, component, chunk_rows)
        if ending == ".zarr"
        else _open_npy(given, chunk_rows)
    )


# -- What a collection consists of -----------------------------------------------------------------


def _is_frame(X: Any) -> bool:
    return _is_collection(X) and hasattr(X, "map_partitions") and hasattr(X, "dtypes")


def _is_array(X: Any) -> bool:
    return _is_collection(X) and hasattr(X, "chunks") and hasattr(X, "rechunk")


def _is_collection(X: Any) -> bool:
    return hasattr(X, "__dask_graph__") and not isinstance(X, type)


def _way_out(X: Any) -> str:
    """Return what `X` is, and how it becomes what it should be."""
    got = f"got {type(X).__name__}"
    if isinstance(X, str | os.PathLike | np.memmap):
        return f"{got}; open a file with tsnekit.dask.open_rows(path)"
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        return (
            f"{got}; a frame becomes one with dask.dataframe.from_pandas(X, npartitions=8), and "
            "what fits into memory can be embedded by tsnekit.TSNE"
        )
    if hasattr(X, "indptr") or isinstance(X, np.ndarray):
        return (
            f"{got}; an array becomes one with dask.array.from_array(X, chunks=(10_000, -1)), and "
            "what fits into memory can be embedded by tsnekit.TSNE"
        )
    return got


def _of_array(X: Any, name: str) -> tuple[list[Any], tuple[int, ...], Any]:
    """Return the chunks of an array as delayed values, their sizes, and a row like its rows."""
    from scipy.sparse import csr_matrix, issparse

    if X.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional, got {X.ndim} dimension(s)")
    if any(np.isnan(size) for sizes in X.chunks for size in sizes):
        raise ValueError(
            f"{name} has chunks of unknown sizes; call {name}.compute_chunk_sizes() first"
        )
    if len(X.chunks[1]) > 1:
        raise ValueError(
            f"{name} must have chunks of whole rows, but its {X.shape[1]} columns are in "
            f"{len(X.chunks[1])} chunks; call {name}.rechunk({{1: -1}}) first"
        )
    meta = X._meta
    if issparse(meta):
        meta = csr_matrix((1, X.shape[1]), dtype=X.dtype)
    elif isinstance(meta, np.ndarray):
        meta = np.zeros((1, X.shape[1]), dtype=X.dtype)
    else:
        raise TypeError(
            f"{name} must have chunks that are NumPy arrays or SciPy CSR matrices, got "
            f"{type(meta).__name__}"
        )
    return list(X.to_delayed().ravel()), tuple(int(size) for size in X.chunks[0]), meta


def _of_frame(X: Any, client: Any, name: str) -> tuple[list[Any], tuple[int, ...], Any]:
    """Return the same for a frame, whose partitions are counted by the workers."""
    import pandas as pd

    # An example shows what an empty frame hides: whether objects are text.
    check_columns(X._meta_nonempty, name=name)
    row = [pd.Series([0]).astype(dtype) for dtype in X._meta.dtypes]
    meta = pd.concat(row, axis=1) if row else pd.DataFrame(index=range(1))
    meta.columns = X._meta.columns
    parts = list(X.to_delayed())
    counted = [_later("tsnekit-count-rows", _count, part) for part in parts]
    sizes = tuple(client.gather(client.compute(counted)))
    return parts, sizes, meta


def _itself(chunk: Any) -> Any:
    return chunk


def _count(frame: Any) -> int:
    return len(frame)


def _later(phase: str, function: Any, *args: Any) -> Any:
    """Return a delayed call, whose task has the name of a phase in Dask's dashboard."""
    from dask import delayed
    from dask.base import tokenize

    return delayed(function)(*args, dask_key_name=f"{phase}-{tokenize(phase, *args)}")


def _checked(
    block: Any,
    what: str,
    first: int,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    sparse: bool,
    any_kind: bool,
) -> Any:
    """Return a chunk of rows, checked; called by a task."""
    from scipy.sparse import csr_matrix

    name = f"{what} (rows {first} to {first + shape[0] - 1})"
    checked = check_data(block, name=name, first_row=first)
    if checked.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {checked.shape}")
    if hasattr(checked, "indptr") != sparse:
        if not any_kind:
            stated, found = ("sparse", "dense") if sparse else ("dense", "sparse")
            raise ValueError(
                f"{name} is {found}, but dask takes it for {stated}; give dask an example of a "
                "chunk, as in X.map_blocks(function, meta=scipy.sparse.csr_matrix((0, 0)))"
            )
        checked = csr_matrix(checked) if sparse else checked.toarray()
    return checked.astype(dtype, copy=False)


# -- Files -----------------------------------------------------------------------------------------


def _open_parquet(path: str) -> Any:
    try:
        import dask.dataframe as frames
    except ImportError as error:
        raise ImportError(
            f'{path!r} needs dask.dataframe: pip install "dask[dataframe]"', name=error.name
        ) from error
    return frames.read_parquet(path)


def _open_zarr(path: str, component: str | None, chunk_rows: int | None) -> Any:
    import dask.array as arrays

    try:
        import zarr
    except ImportError as error:
        raise ImportError(f"{path!r} needs zarr: pip install zarr", name="zarr") from error
    opened = zarr.open(path, mode="r", path=component or "")
    if not hasattr(opened, "shape"):
        members = ", ".join(sorted(opened)) or "nothing"
        raise ValueError(
            f"{path!r} holds a group and no array ({members}); name the array with component"
        )
    _check_shape(opened.shape, path)
    opened_as_rows = arrays.from_zarr(path, component=component)
    rows = opened_as_rows.chunks[0][0] if chunk_rows is None else chunk_rows
    if chunk_rows is None:
        # Many small chunks of a file are read by one task.
        per_chunk = _rows_of_a_chunk(opened.shape, opened.dtype)
        rows = max(rows, per_chunk // rows * rows)
    return opened_as_rows.rechunk({0: rows, 1: -1})


def _open_npy(path: str, chunk_rows: int | None) -> Any:
    import dask.array as arrays

    mapped = _mapped(path)
    _check_shape(mapped.shape, path)
    n, p = mapped.shape
    rows = _rows_of_a_chunk(mapped.shape, mapped.dtype) if chunk_rows is None else chunk_rows
    sizes = [min(rows, n - start) for start in range(0, n, rows)]
    # A file that changes is another one, also for tasks that Dask remembers.
    changed = os.stat(path).st_mtime_ns
    parts = [
        arrays.from_delayed(
            _later("tsnekit-read-npy", _read_npy, path, start, start + size, mapped.shape, changed),
            shape=(size, p),
            dtype=mapped.dtype,
        )
        for start, size in zip(range(0, n, rows), sizes, strict=True)
    ]
    return arrays.concatenate(parts)


def _rows_of_a_chunk(shape: tuple[int, ...], dtype: Any) -> int:
    return max(1, CHUNK_BYTES // (shape[1] * np.dtype(dtype).itemsize))


def _check_shape(shape: tuple[int, ...], path: str) -> None:
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"{path!r} must hold rows and columns, but its shape is {shape}")


def _mapped(path: str) -> NDArray[Any]:
    """Return an array that is read where it is used."""
    try:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path!r} is not a whole .npy file of numbers: {error}") from None
    return mapped


def _read_npy(path: str, start: int, stop: int, shape: tuple[int, ...], changed: int) -> Any:
    """Return some rows of a file, which must be the one that was opened; called by a task."""
    mapped = _mapped(path)
    if mapped.shape != shape or os.stat(path).st_mtime_ns != changed:
        raise ValueError(
            f"{path!r} has changed since it was opened; open it again with tsnekit.dask.open_rows"
        )
    return np.array(mapped[start:stop])
