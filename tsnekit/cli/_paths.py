"""Checks of the files that a command writes, before it reads anything."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["check_files"]

PICTURES = (".png", ".pdf", ".svg")
ENDINGS = {
    "--output": (".csv", ".tsv", ".parquet", ".h5ad", ".npy", ".tsnekit"),
    "--plot": PICTURES,
    "--html": (".html",),
    "--report": PICTURES,
}
"""The options that write a file, and how its name may end."""

PACKAGES = {
    ".parquet": ("pyarrow", "arrow"),
    ".h5ad": ("anndata", "scanpy"),
    ".html": ("plotly", "interactive"),
}
"""What writes a file, and the extra of tsnekit that installs it, by ending."""


def check_files(args: argparse.Namespace) -> None:
    """Check the files that a command reads and writes.

    Raises
    ------
    ValueError
        As `check_outputs`, or if a package that writes a file is not installed.
    """
    from tsnekit.cli._read import SHIPPED

    given = {
        "MAP": getattr(args, "map", None),
        "INPUT": getattr(args, "input", None),
        "--labels": getattr(args, "labels", None),
    }
    outputs = {option: getattr(args, option[2:], None) for option in ENDINGS}
    inputs = {name: None if path in SHIPPED else path for name, path in given.items()}
    check_outputs(inputs, outputs, ENDINGS)
    for option, path in outputs.items():
        package, extra = PACKAGES.get(Path(path or "").suffix, ("", ""))
        if package and importlib.util.find_spec(package) is None:
            raise ValueError(f"{option} {path!r} needs {package}: pip install 'tsnekit[{extra}]'")


def check_outputs(
    inputs: Mapping[str, str | None],
    outputs: Mapping[str, str | None],
    endings: Mapping[str, tuple[str, ...]],
) -> None:
    """Check where a command will write.

    Parameters
    ----------
    inputs, outputs : mapping of str to str or None
        The files that are read and written, by option.
    endings : mapping of str to tuple of str
        How the names of outputs may end.

    Raises
    ------
    ValueError
        If a name has another ending, if its folder does not exist, or if it is the same file as an
        input or another output, also by a link.
    """
    written = {option: path for option, path in outputs.items() if path is not None}
    read = {option: path for option, path in inputs.items() if path is not None}
    for option, given in written.items():
        path = Path(given)
        if path.suffix not in endings[option]:
            raise ValueError(f"{option} must end in {' or '.join(endings[option])}, got {given!r}")
        if not path.parent.is_dir():
            raise ValueError(f"{option}: the folder {str(path.parent)!r} does not exist")
        for other, source in read.items():
            if _is_same_as_input(given, source):
                raise ValueError(f"{option} would overwrite {other}: {given!r} is {source!r}")
    for (one, first), (other, second) in itertools.combinations(written.items(), 2):
        if _is_same(first, second):
            raise ValueError(f"{one} and {other} are the same file, {first!r}")


def _is_same_as_input(given: str, source: str) -> bool:
    """Return whether an output is the input file; "-" is the file at standard input."""
    if source != "-":
        return os.path.isfile(source) and _is_same(given, source)
    try:
        return os.path.samestat(os.stat(given), os.fstat(0))
    except OSError:  # there is no such output yet, or no standard input
        return False


def _is_same(one: str, other: str) -> bool:
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)
    return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))
