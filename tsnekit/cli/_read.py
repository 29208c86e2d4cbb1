"""Reading what the command line is given: data sets, arrays, tables, cells, and labels."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.cli._columns import ColumnOptions, select_columns
from tsnekit.cli._text import STDIN, TEXT_ENDINGS, file_kind, read_table

__all__ = ["SHIPPED", "Data", "read_anndata", "read_data", "read_labels"]

SHIPPED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
"""Data sets that scikit-learn ships."""

_DATA_KEYS = ("X", "data", "x")
_LABEL_KEYS = ("y", "labels", "target")
_SPARSE_KEYS = {"format", "shape", "data"}

_SAVED_AS_OBJECTS = "an array of Python objects; save text as str, say by y.astype(str)"


@dataclass(frozen=True)
class Data:
    """What was read.

    Parameters
    ----------
    X : array or sparse matrix of shape (n, p)
    labels : array-like of shape (n,) or None
    ids : ndarray of shape (n,) or None
        Names of the rows, where the file has them.
    ids_name : str
        What the file calls them.
    n_rows : int, optional
        Rows of the file, where some of them were left out; `rows` are those that were kept.
    rows : ndarray of shape (n,), int, optional
    names : sequence of str, optional
        Names of the features, where a table has them.
    notes : tuple of str
        What was taken for what, where the file does not say so.
    cells : str, optional
        The .h5ad file that holds the rows.
    """

    X: Any
    labels: Any = None
    ids: NDArray[Any] | None = None
    ids_name: str = ""
    n_rows: int | None = None
    rows: NDArray[np.intp] | None = None
    names: Sequence[str] | None = None
    notes: tuple[str, ...] = field(default=())
    cells: str | None = None


def read_data(
    source: str,
    *,
    key: str | None = None,
    header: bool | None = None,
    options: ColumnOptions | None = None,
) -> Data:
    """Read a data set and, where it has them, its labels and ids.

    Parameters
    ----------
    source : str
        Name of a data set that scikit-learn ships; a .npy or .npz file; a text table, which may be
        compressed; or "-" for a text table on standard input.
    key : str, optional
        Array of a .npz file to read; by default X, data or x, or the only one.
    header : bool, optional
        Whether the first line of a text table names the columns; by default, all rows decide.
    options : ColumnOptions, optional
        Which columns of a text table are features, ids or labels.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        If there is no such data set, or the file cannot be read.
    """
    if source in SHIPPED:
        return _read_shipped(source)
    if source != STDIN and not Path(source).exists():
        raise ValueError(
            f"{source!r} is neither a file nor a data set that ships: {', '.join(SHIPPED)}"
        )
    kind = file_kind(Path(source))
    if source == STDIN or kind in TEXT_ENDINGS:
        table = read_table(source, header=header)
        found = select_columns(table, options or ColumnOptions())
        return Data(
            found.features,
            found.labels,
            found.ids,
            found.ids_name,
            len(table.frame),
            found.rows,
            found.names,
            table.notes + found.notes,
        )
    if kind == ".npz":
        return _as_rows(_read_npz(source, key), source)
    if kind == ".npy":
        return _as_rows(Data(_read_npy(source)), source)
    raise ValueError(
        f"{source} must be a .npy, .npz or .h5ad file, or a text table: {', '.join(TEXT_ENDINGS)}"
    )


def read_anndata(path: Path, *, use_rep: str | None, labels: str | None) -> Data:
    """Read a representation and, if asked, labels of the cells in a .h5ad file.

    Parameters
    ----------
    path : Path
    use_rep : str, optional
        See `tsnekit.scanpy.representation`.
    labels : str, optional
        A column of ``obs``.

    Returns
    -------
    Data
        The names of the cells are the ids.

    Raises
    ------
    ValueError
        If anndata is not installed, or the file has no such representation or column.
    """
    try:
        import anndata
    except ImportError:
        raise ValueError(
            "reading .h5ad files needs anndata: pip install 'tsnekit[scanpy]'"
        ) from None
    from tsnekit.scanpy import representation

    try:
        adata = anndata.read_h5ad(path, backed="r")
    except (OSError, KeyError) as error:
        raise ValueError(f"{path} is not a whole .h5ad file: {error}") from None
    try:
        X, _ = representation(adata, use_rep)
        X = X if hasattr(X, "indptr") else np.asarray(X)  # read before the file is closed
        ids = adata.obs_names.to_numpy()
        if labels is None:
            return Data(X, ids=ids, cells=str(path))
        if labels not in adata.obs:
            raise ValueError(
                f"labels {labels!r} are neither a file nor a column of obs ({', '.join(adata.obs)})"
            )
        return Data(X, adata.obs[labels], ids, cells=str(path))
    finally:
        adata.file.close()


def read_labels(
    source: str, data: Data, *, header: bool | None = None, column: str | None = None
) -> tuple[Any, tuple[str, ...]]:
    """Read one label for each row of the data from a .npy file or a text table.

    Parameters
    ----------
    source : str
    data : Data
        The rows of which these are the labels.
    header : bool, optional
        Whether the first line of a table is a name; by default, the number of rows tells.
    column : str, optional
        The column of a table that has several.

    Returns
    -------
    labels : ndarray or pandas.Series of shape (n,)
        Numbers are numbers; missing values are missing.
    notes : tuple of str

    Raises
    ------
    ValueError
        If the file cannot be read, has more than one column, or another number of rows.
    """
    if source != STDIN and not Path(source).is_file():
        raise ValueError(f"labels file {source!r} does not exist")
    n_samples = data.X.shape[0]
    n_rows = data.n_rows if data.n_rows is not None else n_samples
    notes: tuple[str, ...] = ()
    if file_kind(Path(source)) == ".npy":
        labels = _read_npy(source)
        if labels.ndim != 1:
            raise ValueError(f"labels in {source!r} must be one-dimensional, got {labels.ndim}")
    else:
        table = read_table(source, header=header, n_labels=n_rows)
        if len(table.frame) == n_rows + 1 and table.frame.iloc[-1].isna().all():
            table = replace(table, frame=table.frame.iloc[:-1])  # the empty line at the end
        if header is None and len(table.frame) != n_rows:
            # The number of rows says more of the first line than what it looks like.
            other = read_table(source, header=not table.has_header, n_labels=n_rows)
            table = other if len(other.frame) == n_rows else table
        labels, notes = _label_column(table, column), table.notes
    if len(labels) == n_rows and data.rows is not None:
        labels = labels[data.rows] if isinstance(labels, np.ndarray) else labels.iloc[data.rows]
    if len(labels) != n_samples:
        raise ValueError(f"{source} has {len(labels)} labels, but the data has {n_rows} rows")
    return labels, notes


def _label_column(table: Any, column: str | None) -> Any:
    names = list(table.frame.columns)
    if column is not None:
        if column not in names:
            raise ValueError(
                f"{table.source} has no column {column!r}; it has {', '.join(map(repr, names))}"
            )
        labels = table.frame[column]
    elif len(names) > 1:
        raise ValueError(
            f"{table.source} has {len(names)} columns ({', '.join(map(repr, names[:5]))}), but "
            "labels are one column: --label-column says which"
        )
    else:
        labels = table.frame[names[0]]
    return labels if table.has_header else labels.to_numpy()


def _read_shipped(name: str) -> Data:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    labels = bunch.target
    names = getattr(bunch, "target_names", None)
    if names is not None and labels.dtype.kind in "iu" and len(names) > labels.max():
        labels = np.asarray(names)[labels]
    return Data(bunch.data, labels if labels.ndim == 1 else None)


def _read_npy(source: str) -> NDArray[Any]:
    with Path(source).open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ValueError(f"{source} is not a .npy file, whatever its name says")
    try:
        array: NDArray[Any] = np.load(source, allow_pickle=False)
    except (ValueError, EOFError) as error:
        if "pickle" in str(error):
            raise ValueError(f"{source} holds {_SAVED_AS_OBJECTS}") from None
        raise ValueError(f"{source} is not a whole .npy file: {error}") from None
    return array


def _read_npz(source: str, key: str | None) -> Data:
    if not zipfile.is_zipfile(source):
        raise ValueError(f"{source} is not a whole .npz file")
    with np.load(source, allow_pickle=False) as archive:
        names = archive.files
        if key is None and set(names) >= _SPARSE_KEYS:
            from scipy.sparse import load_npz

            return Data(load_npz(source).tocsr())
        if key is None:
            key = next((name for name in _DATA_KEYS if name in names), None)
        if key is None and len(names) == 1:
            key = names[0]
        if key is None or key not in names:
            wanted = "X, data or x" if key is None else repr(key)
            raise ValueError(
                f"{source} has no array {wanted}; --key says which of its arrays are the data: "
                f"{', '.join(names)}"
            )
        X = _member(archive, source, key)
        for name in _LABEL_KEYS:
            if name in names:
                try:
                    labels = _member(archive, source, name)
                except ValueError as error:
                    return Data(X, notes=(f"{error}; the map has no labels",))
                if labels.shape == (len(X),):
                    return Data(X, labels)
    return Data(X)


def _member(archive: Any, source: str, name: str) -> NDArray[Any]:
    try:
        member: NDArray[Any] = archive[name]
    except ValueError as error:
        if "pickle" in str(error):
            raise ValueError(f"array {name!r} of {source} is {_SAVED_AS_OBJECTS}") from None
        raise ValueError(f"array {name!r} of {source} is damaged: {error}") from None
    return member


def _as_rows(data: Data, source: str) -> Data:
    """Return images, or other arrays of more than two dimensions, with a row for each."""
    if data.X.ndim <= 2:
        return data
    shape = data.X.shape
    flat = data.X.reshape(shape[0], -1)
    note = f"{source} has shape {shape}; each of its {shape[0]} parts is a row"
    return replace(data, X=flat, notes=(*data.notes, note))
