"""Tables with typed columns: .parquet, .arrow and .feather files, and .fcs files of cytometers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tsnekit.cli._text import Table, unique

__all__ = ["ARROW_ENDINGS", "FCS_ENDING", "read_arrow", "read_fcs", "table_of"]

ARROW_ENDINGS = (".parquet", ".pq", ".arrow", ".feather")
FCS_ENDING = ".fcs"


def read_arrow(source: str) -> Table:
    """Read a .parquet file, or an Arrow file or stream.

    Raises
    ------
    ValueError
        If pyarrow is not installed, or the file is not a whole one.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ValueError(f"reading {source} needs pyarrow: pip install 'tsnekit[arrow]'") from None
    kind = Path(source).suffix.lower()
    try:
        if kind in (".parquet", ".pq"):
            table = pyarrow.parquet.read_table(source)
        else:
            with pyarrow.memory_map(source) as file:
                table = _read_ipc(pyarrow, file)
        return table_of(source, _frame(table))
    except (pyarrow.ArrowException, OSError, EOFError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise ValueError(f"{source} is not a whole {kind} file: {error}") from None


def _frame(table: Any) -> Any:
    try:
        return table.to_pandas()
    # What old versions of pandas noted of the index, new ones may not understand.
    except (IndexError, KeyError, ValueError):
        return table.to_pandas(ignore_metadata=True)


def _read_ipc(pyarrow: Any, file: Any) -> Any:
    try:
        return pyarrow.ipc.open_file(file).read_all()
    except pyarrow.ArrowInvalid:
        file.seek(0)
        return pyarrow.ipc.open_stream(file).read_all()


def read_fcs(source: str) -> Table:
    """Read the events of a .fcs file, with the names of the markers, without the time.

    Raises
    ------
    ValueError
        If flowio is not installed, or the file is not a whole one.
    """
    try:
        import flowio
    except ImportError:
        raise ValueError(
            f"reading {source} needs flowio: pip install 'tsnekit[cytometry]'"
        ) from None
    import pandas as pd

    try:
        data = flowio.FlowData(source)
        events = data.as_array(preprocess=True)
    except flowio.exceptions.MultipleDataSetsError:
        raise ValueError(
            f"{source} holds several data sets; split it, say with flowio.read_multiple_data_sets"
        ) from None
    # Its parser believes what the file says of itself.
    except Exception as error:
        raise ValueError(f"{source} is not a whole .fcs file: {error}") from None
    channels = zip(data.pnn_labels, data.pns_labels, strict=True)
    names = unique([marker.strip() or channel for channel, marker in channels])
    frame = pd.DataFrame(np.asarray(events, dtype=np.float64), columns=names)
    notes = [f"{source}: values are linear; --transform arcsinh:150 is usual for fluorescence"]
    time = data.time_index
    if time is not None:
        notes.append(f"{source}: column {names[time]!r} is the time and was left out")
        frame = frame.drop(columns=names[time])
    return Table(source, frame, True, range(len(frame)), tuple(notes), unit="event")


def table_of(source: str, frame: Any) -> Table:
    """Return a data frame as a table: its index as first column, a vector as many columns."""
    import pandas as pd

    if not isinstance(frame.index, pd.RangeIndex):
        levels = ["" if name is None else str(name) for name in frame.index.names]
        frame = frame.reset_index(names=unique(levels))
    names = unique([str(name) for name in frame.columns])
    columns: dict[str, Any] = {}
    vectors: dict[str, tuple[str, ...]] = {}
    for place, name in enumerate(names):
        column = frame.iloc[:, place]
        parts = _elements(column) if column.dtype.kind == "O" else None
        if parts is None:
            columns[name] = _typed(column)
            continue
        vectors[name] = tuple(f"{name}[{i}]" for i in range(parts.shape[1]))
        columns |= dict(zip(vectors[name], parts.T, strict=True))
    return Table(
        source, pd.DataFrame(columns), True, range(len(frame)), unit="row", vectors=vectors
    )


def _elements(column: Any) -> Any:
    """Return the elements of a column of vectors of one length, (n, d); None if it is none."""
    present = column.dropna()
    if not len(present) or not all(isinstance(each, list | np.ndarray) for each in present):
        return None
    lengths = {len(each) for each in present}
    if len(lengths) > 1:
        raise ValueError(
            f"column {column.name!r} holds vectors of {min(lengths)} to {max(lengths)} elements; "
            "all must have the same number"
        )
    elements = np.full((len(column), lengths.pop()), np.nan)
    elements[column.notna().to_numpy()] = np.array(list(present), dtype=np.float64)
    return elements


def _typed(column: Any) -> Any:
    """Return a column of numbers that are objects, or that may be missing, as plain numbers."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype) and column.isna().any():
        return column.astype(object).map({True: 1.0, False: 0.0})
    if column.dtype.kind in "biuf" and not isinstance(column.dtype, np.dtype):
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if column.dtype.kind == "O" and not isinstance(column.dtype, pd.CategoricalDtype):
        texts = column.map(lambda each: isinstance(each, str | bytes))
        if not texts.any():
            numbers = pd.to_numeric(column, errors="coerce")
            if (numbers.isna() == column.isna()).all():
                return numbers.astype(np.float64)
    return column
