"""The options that say what is read, the same for every command that reads data."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsnekit.cli._options import integer

if TYPE_CHECKING:
    from tsnekit.cli._read import Data

__all__ = ["add_input", "add_label_options", "add_output", "read_input", "show_notes"]

INPUT = (
    "a data set of scikit-learn (digits, iris, ...); an array (.npy, .npz); a table (.csv, .tsv, "
    ".txt, also .gz; .parquet, .arrow, .fcs), - for a text table on standard input; cells (.h5ad, "
    ".h5, .mtx, or a folder of Cell Ranger)"
)


def add_input(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Add the argument for the data, and the options that say how it is read."""
    parser.add_argument("input", metavar="INPUT", **({"help": INPUT} | options))
    parser.add_argument("--key", help="array to read from a .npz file (default X)")
    parser.add_argument(
        "--transpose", action="store_true", help="the samples are the columns of the file"
    )
    cells = parser.add_argument_group("cells")
    cells.add_argument(
        "--use-rep", metavar="KEY", help="data of a .h5ad file to embed (default X_pca, else X)"
    )
    cells.add_argument(
        "--n-pcs", type=integer, metavar="N", help="only the first N columns of X_pca"
    )
    cells.add_argument("--layer", metavar="KEY", help="a layer of a .h5ad file, for X")
    table = parser.add_argument_group("tables")
    table.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the first line names the columns (default: all rows decide)",
    )
    table.add_argument(
        "--index", metavar="COLUMN", help="ids of the rows, or none (default: found automatically)"
    )
    table.add_argument("--columns", nargs="+", metavar="COLUMN", help="use only these as features")
    table.add_argument(
        "--drop", nargs="+", metavar="COLUMN", default=(), help="columns to leave out"
    )
    table.add_argument(
        "--missing",
        choices=("error", "drop", "mean"),
        default="error",
        help="what to do with rows that have missing values (default error)",
    )
    add_label_options(parser)


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the labels are."""
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="one label per row: .npy or a text table; for cells also a column of obs, or a gene",
    )
    parser.add_argument("--label-column", metavar="COLUMN", help="labels; not used as a feature")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the map is saved."""
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="save the map: .csv, .tsv, .parquet or .h5ad with ids and labels, .npy, or .tsnekit, "
        "which the commands plot, transform, extend and diagnose read",
    )


def read_input(args: argparse.Namespace, names: Sequence[str] | None = None) -> Data:
    """Read the data and, where there are any, its labels.

    Parameters
    ----------
    args : Namespace
        What the options of `add_input` gave.
    names : sequence of str, optional
        The features of a map: the columns of these names are read, in this order.

    Returns
    -------
    Data
    """
    from tsnekit.cli._columns import ColumnOptions
    from tsnekit.cli._read import Reading, read_data, read_labels

    # What is no file is a column, or a gene, of files of cells.
    of_cells = args.labels or args.label_column
    in_file = args.labels is None or Path(args.labels).is_file() or not _holds_cells(args.input)
    reading = Reading(
        columns=ColumnOptions(
            index=args.index,
            columns=names if args.columns is None else args.columns,
            of_map=names is not None and args.columns is None,
            drop=args.drop,
            label_column=None if args.labels else args.label_column,
            missing=args.missing,
        ),
        key=args.key,
        header=args.header,
        transpose=args.transpose,
        use_rep=args.use_rep,
        n_pcs=args.n_pcs,
        layer=args.layer,
        labels=None if args.labels and in_file else of_cells,
    )
    data = read_data(args.input, reading)
    if names is not None and data.names is not None:
        data = _matched(data, names, args.input)
    if args.labels is None or not in_file:
        return data
    labels, notes = read_labels(args.labels, data, column=args.label_column)
    return dataclasses.replace(data, labels=labels, colors=None, notes=data.notes + notes)


def _holds_cells(source: str) -> bool:
    """Whether an input is a file or folder of cells, whose columns and genes can be labels."""
    name = Path(source).name.lower()
    of_cells = name.endswith((".h5ad", ".h5", ".mtx", ".mtx.gz")) or Path(source).is_dir()
    return of_cells and Path(source).exists()


def _matched(data: Data, names: Sequence[str], source: str) -> Data:
    """Return the data with the features of a map, in the order of the map."""
    given = list(data.names or ())
    if given == list(names):
        return data
    places = {name: place for place, name in enumerate(given)}
    lacking = [name for name in names if name not in places]
    if lacking:
        shown = ", ".join(map(repr, lacking[:5])) + (", ..." if len(lacking) > 5 else "")
        raise ValueError(f"{source} does not have {len(lacking)} features of the map: {shown}")
    return dataclasses.replace(data, X=data.X[:, [places[name] for name in names]], names=names)


def show_notes(notes: Sequence[str]) -> None:
    """Say what was taken for what, on standard error."""
    for note in notes:
        print(f"tsnekit: note: {note}", file=sys.stderr)
