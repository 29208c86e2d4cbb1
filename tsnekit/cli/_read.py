"""Reading what the command line is given: data sets, arrays, tables, cells, and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.names import did_you_mean
from tsnekit.cli._arrays import read_npy, read_npz
from tsnekit.cli._cells import Cells, read_10x_h5, read_h5ad, read_mtx
from tsnekit.cli._columnar import ARROW_ENDINGS, FCS_ENDING, read_arrow, read_fcs, table_of
from tsnekit.cli._columns import MOST_OTHERS, ColumnOptions, filled, select_columns
from tsnekit.cli._text import STDIN, TEXT_ENDINGS, Table, file_kind, read_table, transposed

__all__ = ["SHIPPED", "Data", "Reading", "read_data", "read_labels"]

SHIPPED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
"""Data sets that scikit-learn ships."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the user said of a file.

    Parameters
    ----------
    columns : ColumnOptions
        Which columns of a table are features, ids or labels.
    key : str, optional
        Array of a .npz file to read; by default X, data or x, or the only one.
    header : bool, optional
        Whether the first line of a text table names the columns; by default, all rows decide.
    transpose : bool, default=False
        Whether the samples are in columns.
    use_rep, n_pcs, layer : optional
        See `tsnekit.scanpy.representation`.
    labels : str, optional
        A column of ``obs``, or a gene, of cells.
    """

    columns: ColumnOptions = field(default_factory=ColumnOptions)
    key: str | None = None
    header: bool | None = None
    transpose: bool = False
    use_rep: str | None = None
    n_pcs: int | None = None
    layer: str | None = None
    labels: str | None = None


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
        Number of rows in the file, if some of them were left out; `rows` are the kept ones.
    rows : ndarray of shape (n,), int, optional
    names : sequence of str, optional
        Names of the features, where a table has them.
    notes : tuple of str
        How the file was understood, where it is ambiguous.
    cells : str, optional
        The .h5ad file that holds the rows.
    colors : mapping, optional
        Colours of labels that are classes.
    others : pandas.DataFrame, optional
        The first columns of a table, or of obs, that are not ids or labels, as they were read.
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
    colors: dict[Any, str] | None = None
    others: Any = None


def read_data(source: str, reading: Reading | None = None) -> Data:
    """Read a data set and, where it has them, its labels and ids.

    Parameters
    ----------
    source : str
        Name of a data set that scikit-learn ships, a file or folder, or "-" for a text table on
        standard input.
    reading : Reading, optional
        How to read it.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        If there is no such data set, or the file cannot be read.
    """
    reading = reading or Reading()
    _check_used(source, reading)
    if source in SHIPPED:
        return _read_shipped(source)
    if source != STDIN and not Path(source).exists():
        raise ValueError(
            f"{source!r} is neither a file nor a data set of scikit-learn: {', '.join(SHIPPED)}"
        )
    with readable(source):
        return _checked(_read_file(source, reading), source, reading.columns.missing)


@contextmanager
def readable(source: str) -> Iterator[None]:
    """Make an error that names the file of whatever a library raises while it is read."""
    try:
        yield
    except Exception as error:
        is_told = isinstance(error, ValueError) and Path(source).name in str(error)
        if is_told or isinstance(error, MemoryError) or getattr(error, "filename", None):
            raise
        raise ValueError(f"{source} cannot be read: {type(error).__name__}: {error}") from error


def _check_used(source: str, reading: Reading) -> None:
    """Check that the options for reading have an effect on this kind of input.

    Raises
    ------
    ValueError
        If an option has none; the message says what it is for.
    """
    kind = "" if source in (STDIN, *SHIPPED) else file_kind(Path(source))
    is_text = source == STDIN or kind in TEXT_ENDINGS
    # An array whose dtype names fields is a table.
    may_be_table = is_text or kind in (*ARROW_ENDINGS, FCS_ENDING, ".npy", ".npz")
    is_shipped = source in SHIPPED
    columns = reading.columns
    useless = {
        "--key": (reading.key is not None and kind != ".npz", "a .npz file"),
        "--header": (reading.header is not None and not is_text, "a text table"),
        "--index": (columns.index is not None and not may_be_table, "a table"),
        "--columns": (
            columns.columns is not None and not columns.of_map and not may_be_table,
            "a table",
        ),
        "--drop": (bool(columns.drop) and not may_be_table, "a table"),
        "--label-column": (is_shipped and columns.label_column is not None, "a file"),
        "--missing": (is_shipped and columns.missing != "error", "a file"),
        "--transpose": (is_shipped and reading.transpose, "a file"),
    }
    for option, (is_useless, what) in useless.items():
        if is_useless:
            raise ValueError(f"{option} has no effect on {source}; it is for {what}")


def _read_file(source: str, reading: Reading) -> Data:
    kind = "" if source == STDIN else file_kind(Path(source))
    of_cells = {
        "--use-rep": reading.use_rep,
        "--n-pcs": reading.n_pcs,
        "--layer": reading.layer,
    }
    given = [option for option, value in of_cells.items() if value is not None]
    if given and kind != ".h5ad":
        raise ValueError(f"{given[0]} needs a .h5ad file as input, got {source!r}")
    if kind == ".h5ad":
        if reading.transpose:
            raise ValueError(f"--transpose is not for .h5ad files such as {source}")
        cells = read_h5ad(
            source,
            use_rep=reading.use_rep,
            n_pcs=reading.n_pcs,
            layer=reading.layer,
            labels=reading.labels,
        )
        return replace(_data_of(cells, source, reading), cells=source)
    if kind == ".h5":
        return _data_of(read_10x_h5(source), source, reading)
    if kind == ".mtx" or Path(source).is_dir():
        return _data_of(read_mtx(source, transpose=reading.transpose), source, reading)
    if kind in (".npy", ".npz"):
        if kind == ".npz":
            X, labels, notes = read_npz(source, reading.key)
        else:
            X, labels, notes = read_npy(source), None, ()
        if getattr(X.dtype, "names", None):
            import pandas as pd

            return _data_of_table(table_of(source, pd.DataFrame(X)), reading)
        if _names_columns(reading.columns):
            raise ValueError(f"{source} is an array, whose columns have no names")
        X = X.T if reading.transpose else X
        return _as_rows(Data(X, labels, notes=notes), source)
    if source == STDIN or kind in TEXT_ENDINGS:
        return _data_of_table(read_table(source, header=reading.header), reading)
    if kind in ARROW_ENDINGS:
        return _data_of_table(read_arrow(source), reading)
    if kind == FCS_ENDING:
        return _data_of_table(read_fcs(source), reading)
    endings = ", ".join((*TEXT_ENDINGS, *ARROW_ENDINGS, FCS_ENDING))
    raise ValueError(
        f"{source} must be a .npy, .npz, .h5ad, .h5 or .mtx file, a folder of Cell Ranger, or a "
        f"table: {endings}"
    )


def _names_columns(options: ColumnOptions) -> bool:
    chosen = options.columns is not None and not options.of_map
    named = options.index is not None or options.label_column is not None
    return chosen or named or bool(options.drop)


def _data_of_table(table: Table, reading: Reading) -> Data:
    options = reading.columns
    if reading.transpose:
        table = transposed(table, options.index)
        options = replace(options, index="")
    found = select_columns(table, options)
    return Data(
        found.features,
        found.labels,
        found.ids,
        found.ids_name,
        len(table.frame),
        found.rows,
        found.names,
        table.notes + found.notes,
        others=found.others,
    )


def _data_of(cells: Cells, source: str, reading: Reading) -> Data:
    labels = cells.labels
    if reading.labels is not None and labels is None:
        labels = _gene(cells, source, reading.labels)
    return Data(
        cells.X,
        labels,
        cells.ids,
        names=cells.names,
        notes=cells.notes,
        colors=cells.colors,
        others=_first_of_obs(cells.obs, reading.labels),
    )


def _first_of_obs(obs: Any, labels: str | None) -> Any:
    """Return the first columns of obs, without the labels."""
    if obs is None:
        return None
    return obs[[name for name in obs.columns if name != labels][:MOST_OTHERS]]


def _gene(cells: Cells, source: str, name: str) -> Any:
    """Return the values of a gene."""
    from tsnekit._drawing.labels import Values

    names = list(cells.names or ())
    if name not in names:
        hint = did_you_mean(name, names)
        raise ValueError(f"labels {name!r} are neither a file nor a gene of {source}{hint}")
    column = cells.X[:, [names.index(name)]]
    dense = column.toarray() if hasattr(column, "toarray") else np.asarray(column)
    return Values(values=dense.ravel().astype(np.float64), title=name)


def _checked(data: Data, source: str, missing: str) -> Data:
    """Return data that is numbers in rows and columns, without missing ones."""
    X = data.X
    if hasattr(X, "columns"):  # of obsm
        X = X.to_numpy()
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(
            f"{source} must hold rows and columns of numbers, but its shape is {X.shape}"
        )
    if X.dtype.kind not in "biuf":
        raise ValueError(f"{source} must hold numbers, but its dtype is {X.dtype}")
    if hasattr(X, "indptr"):
        wrong = int((~np.isfinite(X.data)).sum()) if X.dtype.kind == "f" else 0
        if wrong:
            raise ValueError(
                f"{source}: {wrong} values of the sparse matrix are NaN or infinite; replace them "
                "in the program that wrote it, say by 0"
            )
        return replace(data, X=X)
    names = data.names or [f"column {i}" for i in range(X.shape[1])]
    X, rows, note = filled(source, X, names, missing)
    if note is None:
        return replace(data, X=X)
    labels = data.labels
    if labels is not None:
        labels = labels.iloc[rows] if hasattr(labels, "iloc") else np.asarray(labels)[rows]
    return replace(
        data,
        X=X,
        labels=labels,
        ids=None if data.ids is None else data.ids[rows],
        others=None if data.others is None else data.others.iloc[rows],
        n_rows=len(data.X),
        rows=rows,
        notes=(*data.notes, note),
    )


def read_labels(
    source: str, data: Data, *, header: bool | None = None, column: str | None = None
) -> tuple[Any, tuple[str, ...]]:
    """Read one label for each row of the data from a .npy file or a text table.

    Parameters
    ----------
    source : str
    data : Data
        The data whose rows the labels belong to.
    header : bool, optional
        Whether the first line of a table is a name; by default, the number of rows decides.
    column : str, optional
        The column of a table that has several.

    Returns
    -------
    labels : ndarray or pandas.Series of shape (n,)
        Numbers have a numeric dtype, and missing labels are missing values.
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
        if column is not None:
            raise ValueError(f"--label-column has no effect on {source}, an array of labels")
        labels = read_npy(source)
        if labels.ndim != 1:
            raise ValueError(
                f"labels in {source!r} must be one-dimensional, got shape {labels.shape}"
            )
    else:
        table = read_table(source, header=header, n_labels=n_rows)
        if len(table.frame) == n_rows + 1 and table.frame.iloc[-1].isna().all():
            table = replace(table, frame=table.frame.iloc[:-1])  # the empty line at the end
        if header is None and len(table.frame) != n_rows:
            # The number of rows tells more about the first line than its text.
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
            "labels are one column; choose it with --label-column"
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


def _as_rows(data: Data, source: str) -> Data:
    """Return images, or other arrays of more than two dimensions, with a row for each."""
    if data.X.ndim <= 2:
        return data
    shape = data.X.shape
    flat = data.X.reshape(shape[0], -1)
    note = f"{source} has shape {shape}; each of its {shape[0]} parts is a row"
    return replace(data, X=flat, notes=(*data.notes, note))
