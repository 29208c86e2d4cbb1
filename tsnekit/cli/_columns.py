"""Which columns of a table are features, ids of the rows, or labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.names import did_you_mean
from tsnekit.cli._text import Table

__all__ = ["MOST_OTHERS", "ColumnOptions", "Columns", "filled", "select_columns"]

INDEX_NAMES = frozenset({"", "index", "id", "ids", "row", "rowname", "rownames", "row_names"})
"""Names, in lower case, that a first column of row numbers or row names may have."""

SHOWN = 5

MOST_OTHERS = 30
"""So many columns of a table are kept as they are, for the rows on a page."""


@dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """The user's options for the columns.

    Parameters
    ----------
    index : str, optional
        The column that holds the ids of the rows; "none" for none.
    columns : sequence of str, optional
        The only columns that are features.
    drop : sequence of str, default=()
        Columns that are not features.
    label_column : str, optional
        The column that holds the labels.
    missing : {"error", "drop", "mean"}, default="error"
        What to do with rows that have missing values.
    of_map : bool, default=False
        Whether `columns` are those that a map was made of. Other columns are left out then.
    """

    index: str | None = None
    columns: Sequence[str] | None = None
    drop: Sequence[str] = ()
    label_column: str | None = None
    missing: str = "error"
    of_map: bool = False


@dataclass(frozen=True)
class Columns:
    """What a table holds.

    Parameters
    ----------
    features : ndarray of shape (n, p), float
    ids : ndarray of shape (n,) or None
    ids_name : str
        Name of the column of the ids; empty where it does not have one.
    labels : pandas.Series of shape (n,) or None
    rows : ndarray of int
        The rows of the table that were kept.
    names : sequence of str
        The names of the features.
    notes : tuple of str
        Which column was taken for what.
    others : pandas.DataFrame
        The first columns that are not ids or labels, features or not, of the rows that were kept.
    """

    features: NDArray[Any]
    ids: NDArray[Any] | None
    ids_name: str
    labels: Any
    rows: NDArray[np.intp]
    names: Sequence[str]
    notes: tuple[str, ...] = field(default=())
    others: Any = None


def select_columns(table: Table, options: ColumnOptions) -> Columns:
    """Take features, ids and labels from a table.

    Raises
    ------
    ValueError
        If a column does not exist, a feature holds text, or values are missing and
        `options.missing` is "error".
    """
    frame, notes = table.frame, []
    options, note = _with_vectors(table, options)
    notes += [note] if note else []
    names = list(frame.columns)
    for option, given in (
        ("--index", [options.index] if options.index not in (None, "none") else []),
        (None if options.of_map else "--columns", options.columns or []),
        ("--drop", options.drop),
        ("--label-column", [options.label_column] if options.label_column else []),
    ):
        for name in given:
            _check_name(option, name, table)
    index = options.index if options.index != "none" else None
    if options.index is None and (options.columns is None or names[0] not in options.columns):
        index, note = _find_index(table)
        notes += [note] if note else []
    apart = {index, options.label_column, *options.drop}
    features = [
        name
        for name in (names if options.columns is None else options.columns)
        if name not in apart
    ]
    if not features:
        raise ValueError(f"{table.source} has no columns left that are features")
    unused = [name for name in names if name not in {*features, *apart}]
    if options.of_map and unused:
        notes.append(f"{table.source}: the map was not made of {_some(unused)}; left out")
    _check_numbers(table, features)
    values, rows, note = filled(
        table.source,
        frame[features].to_numpy(dtype=np.float64),
        features,
        options.missing,
        place=table.place,
    )
    notes += [note] if note else []
    others = frame[
        [each for each in names if each not in (index, options.label_column)][:MOST_OTHERS]
    ]
    return Columns(
        values,
        None if index is None else frame[index].to_numpy()[rows],
        index if index and table.has_header else "",
        None if options.label_column is None else frame[options.label_column].iloc[rows],
        rows,
        features,
        tuple(notes),
        others if len(rows) == len(frame) else others.iloc[rows],
    )


def _check_name(option: str | None, name: str, table: Table) -> None:
    names = list(table.frame.columns)
    if name in names:
        return
    hint = did_you_mean(name, names)
    what = f"{table.source} has no column {name!r}"
    if option is None:
        raise ValueError(f"{what}, which the map was made of{hint} It has {_some(names)}")
    raise ValueError(f"{option}: {what}{hint} It has {_some(names)}")


def _find_index(table: Table) -> tuple[str | None, str | None]:
    """Return the first column if it holds ids of the rows, and a note about it."""
    name = table.frame.columns[0]
    column = table.frame[name]
    if table.frame.shape[1] < 2 or column.isna().any() or not column.is_unique:
        return None, None
    called = f"column {name!r}" if name else "the first column"
    kept = f"{table.source}: {called} was taken for the ids of the rows"
    remedy = "--index none makes it a feature"
    unnamed = table.has_header and (not name or name.startswith("Unnamed"))
    if column.dtype.kind == "O":
        return name, f"{kept}, since it holds a different text in each row"
    if column.dtype.kind not in "iu":
        return None, None
    start = int(column.iloc[0])
    counts_rows = start in (0, 1) and bool((np.diff(column.to_numpy()) == 1).all())
    if unnamed:
        return name, f"{kept}, since it has no name and a different number in each row; {remedy}"
    if counts_rows and len(column) > 2:
        if not table.has_header or name.lower() in INDEX_NAMES:
            return name, f"{kept}, since it counts them; {remedy}"
        return None, (
            f"{table.source}: {called} counts the rows and is used as a feature; "
            f"--index {name!r} takes it for their ids"
        )
    if name.lower() in INDEX_NAMES and table.has_header:
        return name, f"{kept}, since its name fits and each row has a different number; {remedy}"
    return None, None


def _check_numbers(table: Table, features: Sequence[str]) -> None:
    texts = [name for name in features if table.frame[name].dtype.kind not in "biuf"]
    if not texts:
        return
    name = texts[0]
    row, cell = _first_text(table.frame[name])
    where = f"column {name!r} holds {_kind_of(cell)}, {str(cell)!r} in {table.place(row)}"
    if len(texts) == 1:
        which = where
    else:
        which = f"{len(texts)} columns do not hold numbers ({_some(texts)}): {where}"
    raise ValueError(
        f"{table.source}: {which}. Leave {'it' if len(texts) == 1 else 'them'} out with --drop "
        f"{_quoted(texts)}, "
        "or take a column for the colors with --label-column"
    )


def _first_text(column: Any) -> tuple[int, Any]:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    texts = np.flatnonzero(numbers.isna().to_numpy() & column.notna().to_numpy())
    row = int(texts[0]) if len(texts) else 0
    return row, column.iloc[row]


def filled(
    source: str,
    values: NDArray[Any],
    names: Sequence[str],
    missing: str,
    *,
    place: Callable[[int], str] = "row {}".format,
) -> tuple[NDArray[Any], NDArray[np.intp], str | None]:
    """Return values without missing ones.

    Parameters
    ----------
    source : str
    values : ndarray of shape (n, p)
    names : sequence of str
        Of the columns.
    missing : {"error", "drop", "mean"}
        What to do with rows that have missing or infinite values.
    place : callable
        Returns where a row stands in the file.

    Returns
    -------
    values : ndarray of shape (n_kept, p)
    rows : ndarray of int
        The rows that are kept.
    note : str or None
        What was done.

    Raises
    ------
    ValueError
        If values are missing and `missing` is "error".
    """
    rows = np.arange(len(values))
    holes = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
    if not holes.any():
        return values, rows, None
    counts = holes.sum(axis=0)
    with_holes = np.flatnonzero(counts).tolist()
    n_rows = int(holes.any(axis=1).sum())
    each = _some([f"{names[i]}: {counts[i]}" for i in with_holes], quote=False)
    lack = "missing or infinite" if np.isinf(values).any() else "missing"
    what = f"{n_rows} of {len(values)} rows have {lack} values ({each})"
    if missing == "drop":
        rows = np.flatnonzero(~holes.any(axis=1))
        if not len(rows):
            raise ValueError(f"{source}: {what}; --missing drop would leave no row")
        return values[rows], rows, f"{source}: {what}; they were left out"
    if missing == "mean":
        empty = [names[i] for i in with_holes if counts[i] == len(values)]
        if empty:
            raise ValueError(
                f"{source}: there is no mean of the empty columns {_some(empty)}; "
                f"leave them out with --drop {_quoted(empty)}"
            )
        known = np.where(holes, np.nan, values)
        complete = np.where(holes, np.nanmean(known, axis=0), values)
        return complete, rows, f"{source}: {what}; the mean of the column took their place"
    row = int(np.flatnonzero(holes.any(axis=1))[0])
    raise ValueError(
        f"{source}: {what}, the first in {place(row)}. --missing drop leaves these rows out, "
        "--missing mean takes the mean of the column"
    )


def _with_vectors(table: Table, options: ColumnOptions) -> tuple[ColumnOptions, str | None]:
    """Return options that name the elements of vectors; a vector alone is the data."""
    if not table.vectors:
        return options, None
    parts = {part for each in table.vectors.values() for part in each}

    def elements(names: Sequence[str]) -> list[str]:
        return [part for name in names for part in table.vectors.get(name, (name,))]

    drop = elements(options.drop)
    if options.columns is not None:
        return replace(options, columns=elements(options.columns), drop=drop), None
    left = {name: each for name, each in table.vectors.items() if name not in options.drop}
    if len(left) != 1:
        raise ValueError(
            f"{table.source} has {len(left)} columns of vectors ({_some(list(table.vectors))}); "
            "--columns says which are the features"
        )
    ((name, columns),) = left.items()
    others = [
        other
        for other in table.frame.columns
        if other not in {*parts, *drop, options.label_column, options.index}
    ]
    note = f"{table.source}: column {name!r} holds vectors of {len(columns)} elements"
    if others:
        note += f", which are the features; {_some(others)} are not used (see --columns)"
    return replace(options, columns=columns, drop=drop), note


def _kind_of(cell: Any) -> str:
    return "text" if isinstance(cell, str) else f"{type(cell).__name__} objects"


def _some(names: Sequence[str], *, quote: bool = True) -> str:
    shown = [repr(name) if quote else name for name in names[:SHOWN]]
    return ", ".join(shown) + (f", ... ({len(names)} in all)" if len(names) > SHOWN else "")


def _quoted(names: Sequence[str]) -> str:
    return " ".join(f'"{name}"' if " " in name or not name else name for name in names)
