"""Text tables of all usual kinds: delimiter, decimal sign, encoding, compression and header."""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["STDIN", "TEXT_ENDINGS", "Table", "file_kind", "read_table", "transposed", "unique"]

STDIN = "-"
"""The name that stands for standard input."""

TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".dat")
COMPRESSED = (".gz", ".bz2", ".xz")

# The first delimiter that splits nearly all lines into equally many cells is used.
DELIMITERS = ("\t", ";", "|", ",")
# No text holds this character, so that it never splits a file of one column.
NO_DELIMITER = "\x1f"

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "#n/a", "-nan", "<na>"})
SAMPLED_LINES = 200

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Table:
    """A table, its columns typed.

    Parameters
    ----------
    source : str
        The file, for messages.
    frame : pandas.DataFrame
        The rows. Without a header the columns are called "1", "2", and so on.
    has_header : bool
        Whether the first line names the columns.
    lines : sequence of int
        Where each row stands, counted from 1 in a text file and from 0 in others.
    notes : tuple of str
        How the file was understood, where it is ambiguous.
    unit : str, default="line"
        What `lines` count.
    vectors : mapping of str to tuple of str
        Columns of the file that hold vectors, and the columns of `frame` that are their elements.
    """

    source: str
    frame: Any
    has_header: bool
    lines: Sequence[Any]
    notes: tuple[str, ...] = ()
    unit: str = "line"
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def place(self, row: int) -> str:
        """Return where a row stands, for messages."""
        return f"{self.unit} {self.lines[row]}"


def file_kind(path: Path) -> str:
    """Return the ending of a file in lower case, without that of its compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_table(source: str, *, header: bool | None = None, n_labels: int | None = None) -> Table:
    """Read a text table.

    Parameters
    ----------
    source : str
        A file, which may be compressed, or "-" for standard input.
    header : bool, optional
        Whether the first line names the columns. By default, all rows decide.
    n_labels : int, optional
        How many labels are expected, where the file may be a single column of them. An empty line
        then is a missing label, and a line may begin with "#".

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If the file is empty, is not text, or has rows of different lengths.
    """
    text, notes = _decode(source)
    # Only a line feed ends a line. Other characters that end a line for Python may be text.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    # An empty line is a missing label, up to the number of labels and a header.
    least = 1 if n_labels is None else n_labels + 1
    while len(lines) > least and not lines[-1].strip():
        lines.pop()
    kept = [number for number, line in enumerate(lines) if n_labels or line.strip()]
    if not any(lines[number].strip() for number in kept):
        raise ValueError(f"{source} is empty")
    delimiter = _find_delimiter([lines[number] for number in kept[: 2 * SAMPLED_LINES]])
    if delimiter == NO_DELIMITER:
        # pandas skips empty lines at the start.
        lines = [line if line.strip() else '""' for line in lines]
    else:
        kept = [number for number in kept if lines[number].strip()]
        kept, names_in_comment = _without_comments(lines, kept, delimiter)
        if names_in_comment is not None and header is None:
            header = True
            kept.insert(0, names_in_comment)
            lines[names_in_comment] = lines[names_in_comment].lstrip("# ")
    return _parse(source, [lines[number] for number in kept], kept, delimiter, header, notes)


def transposed(table: Table, index: str | None) -> Table:
    """Return a table of samples in columns with the samples in rows.

    Parameters
    ----------
    table : Table
    index : str, optional
        The column that names the features; "none" for none. By default the first one, if it does
        not hold numbers.
    """
    import pandas as pd

    frame = table.frame
    first = frame.iloc[0, 1:] if len(frame) else []
    if not table.has_header and all(isinstance(each, str) for each in first):
        # A row of text among those of the features hid that these are the names of the samples.
        names = ["" if each != each else str(each) for each in frame.iloc[0]]
        frame = frame.iloc[1:].set_axis(unique(names), axis=1).reset_index(drop=True)
    if index is None:
        index = frame.columns[0] if frame[frame.columns[0]].dtype.kind not in "biuf" else "none"
    if index == "none":
        names, samples = [str(i + 1) for i in range(len(frame))], frame
    else:
        if index not in frame.columns:
            raise ValueError(f"--index: {table.source} has no column {index!r}")
        names, samples = [str(name) for name in frame[index]], frame.drop(columns=index)
    turned = samples.T.set_axis(unique(names), axis=1).reset_index(drop=True)
    if any(samples.dtypes.map(lambda dtype: dtype.kind not in "biuf")):
        turned = turned.apply(_as_numbers)
    turned.insert(0, "", pd.Series(samples.columns, dtype=object))
    return Table(
        table.source, turned, True, samples.columns, table.notes, unit="the column of sample"
    )


def _as_numbers(column: Any) -> Any:
    """Return a column as numbers, if it holds nothing else."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if (numbers.isna() == column.isna()).all() else column


def _parse(
    source: str,
    lines: list[str],
    numbers: list[int],
    delimiter: str,
    header: bool | None,
    notes: list[str],
) -> Table:
    import pandas as pd

    sample = [_split(line, delimiter) for line in lines[: SAMPLED_LINES + 1]]
    decimal = "," if delimiter != "," and _has_decimal_commas(sample) else "."
    first = [cell.strip() for cell in sample[0]]

    def typed(rows: list[str]) -> Any:
        try:
            return pd.read_csv(
                io.StringIO("\n".join(rows)),
                sep=r"\s+" if delimiter == " " else delimiter,
                header=None,
                decimal=decimal,
                skipinitialspace=True,
                skip_blank_lines=False,
                low_memory=False,
                float_precision="round_trip",
                na_values=["n/a", "null", "none", "None", "NONE"],
            )
        except pd.errors.ParserError as error:
            raise ValueError(_ragged(source, numbers[-len(rows) :], error)) from None

    body = typed(lines[1:]) if len(lines) > 1 else typed(lines).iloc[:0]
    width = body.shape[1]
    # A delimiter at the end of every line makes an empty last column.
    ends = width > 1 and len(body) > 0 and bool(body[width - 1].isna().all())
    if ends and (len(first) == width - 1 or not first[-1]):
        width -= 1
        body, first = body.iloc[:, :width], first[:width]
    elif len(first) == width - 1:  # row names that the first line does not name
        first.insert(0, "")
    has_header = header
    if has_header is None:
        second = [cell.strip() for cell in sample[1]] if len(sample) > 1 else []
        has_header, why = _judge_header(first, second, body, decimal)
        if why:
            notes.append(f"{source}: {why}")
    if has_header:
        # Some programs put names between single quotes.
        frame, names = body, [re.sub(r"^'(.*)'$", r"\1", name) for name in first]
    else:
        top = typed(lines[:1]).iloc[:, :width] if len(body) else typed(lines)
        frame = pd.concat([top, body], ignore_index=True) if len(body) else top
        names = [str(i + 1) for i in range(top.shape[1])]
    if len(names) != width:
        raise ValueError(
            f"{source}: line {numbers[0] + 1} has {len(names)} cells, but the others have {width}; "
            "remove or repair it"
        )
    frame = frame.set_axis(unique(names), axis=1)
    places = [number + 1 for number in (numbers[1:] if has_header else numbers)]
    if len(places) != len(frame):  # a quoted cell goes over several lines
        places = list(range(places[0], places[0] + len(frame)))
    return Table(source, frame, bool(has_header), places, tuple(notes))


def _decode(source: str) -> tuple[str, list[str]]:
    raw = _read_bytes(source)
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text, notes = raw.decode(encoding), []
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        notes = [f"{source} is not in UTF-8; it was read as Windows-1252"]
    if "\0" in text:
        raise ValueError(f"{source} is not a text table: it holds zero bytes")
    return text, notes


def _read_bytes(source: str) -> bytes:
    if source == STDIN:
        return sys.stdin.buffer.read()
    path = Path(source)
    raw = path.read_bytes()
    ending = path.suffix.lower()
    if ending not in COMPRESSED:
        return raw
    import bz2
    import gzip
    import lzma
    import zlib

    decompress = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}[ending]
    try:
        return decompress(raw)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{source} is not a whole {ending} file: {error}") from None


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [""])


def _find_delimiter(lines: list[str]) -> str:
    """Return the delimiter that splits the lines into equally many cells."""
    lines = [line for line in lines if line.strip() and not line.startswith("#")] or lines
    lines = lines[:SAMPLED_LINES]
    for delimiter in DELIMITERS:
        widths = [len(_split(line, delimiter)) for line in lines]
        body = widths[1:] or widths
        common = max(set(body), key=body.count)
        if common > 1 and min(widths) > 1 and body.count(common) >= 0.9 * len(body):
            return delimiter
    rows = [line.split() for line in lines]
    width = len(rows[-1])
    numeric = all(_is_number(cell, ".") or _is_missing(cell) for row in rows[1:] for cell in row)
    if width > 1 and len(rows) > 1 and numeric and all(len(row) == width for row in rows[1:]):
        return " "
    return NO_DELIMITER


def _without_comments(
    lines: list[str], kept: list[int], delimiter: str
) -> tuple[list[int], int | None]:
    """Return the lines that are not comments, and the comment that names the columns."""
    rows = [number for number in kept if not lines[number].startswith("#")]
    if not rows:
        return kept, None
    above = [number for number in kept if number < rows[0]]
    if not above:
        return rows, None
    width = len(_split(lines[rows[-1]], delimiter))
    names = _split(lines[above[-1]].lstrip("# "), delimiter)
    named = len(names) == width and not any(_is_number(name, ".") for name in names)
    return rows, above[-1] if named else None


def _judge_header(
    first: list[str], second: list[str], body: Any, decimal: str
) -> tuple[bool, str | None]:
    """Return whether the first line names the columns, and a note if this is a guess."""
    if not len(body):
        return False, None
    numbers = [_is_number(cell, decimal) for cell in first]
    holes = [_is_missing(cell) for cell in first]
    texts = [not number and not hole for number, hole in zip(numbers, holes, strict=True)]
    numeric = [body[i].dtype.kind in "biuf" for i in range(body.shape[1])]
    pairs = list(zip(texts, numeric, strict=False))
    if any(text and is_numeric for text, is_numeric in pairs):
        return True, None
    if any(texts):
        # All columns hold text. Values repeat within a column, but its name is not among them.
        columns = [i for i, text in enumerate(texts) if text and i < body.shape[1]]
        names = all(not (body[i].astype(str) == first[i]).any() for i in columns)
        return names and any(body[i].duplicated().any() for i in columns), None
    counted = _counts(first[1:] if holes[0] else first)
    if not counted or _counts(second):
        return False, None
    whole = all(
        body[i].dtype.kind in "iu" or not (body[i].dropna() % 1).any()
        for i in range(body.shape[1])
        if numeric[i]
    )
    if len(first) < 3 and not holes[0] and (whole or body.shape[1] < 2):
        return False, None
    if whole and not holes[0] and len(first) < 4:
        return False, None
    shown = ", ".join(first[:4]) + (", ..." if len(first) > 4 else "")
    return True, (
        f"the first line ({shown}) counts the columns and was taken for their names; "
        "--no-header makes it a row"
    )


def _counts(cells: list[str]) -> bool:
    """Return whether the cells are whole numbers that rise in equal steps, unlike most data."""
    if not cells or not all(re.fullmatch(r"\d+", cell) for cell in cells):
        return False
    values = [int(cell) for cell in cells]
    steps = {after - before for before, after in itertools.pairwise(values)}
    return len(steps) <= 1 and all(step > 0 for step in steps)


def _has_decimal_commas(rows: list[list[str]]) -> bool:
    cells = [cell.strip() for row in rows[1:] or rows for cell in row]
    commas = sum(bool(_DECIMAL_COMMA.fullmatch(cell)) for cell in cells)
    points = sum("." in cell and _is_number(cell, ".") for cell in cells)
    return commas > points


def _is_number(cell: str, decimal: str) -> bool:
    text = cell.strip()
    if decimal == ",":
        text = text.replace(",", ".")
    return _NUMBER.fullmatch(text) is not None


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def unique(names: list[str]) -> list[str]:
    """Return the names, with numbers added to repeated ones, as pandas does."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        unique.append(f"{name}.{count}" if count else name)
    return unique


def _ragged(source: str, numbers: list[int], error: Exception) -> str:
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if found is None:
        return f"{source} cannot be read as a table: {error}"
    expected, place, saw = (int(part) for part in found.groups())
    line = numbers[place - 1] + 1
    what = f"line {line} has {saw} cells, but the others have {expected}"
    return f"{source}: {what}; remove or repair it"
