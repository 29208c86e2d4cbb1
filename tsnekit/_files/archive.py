"""The file format: a zip archive of plain arrays (.npy) and one JSON header, all uncompressed.

Nothing in the archive is pickled, so that reading a file runs no code from it. NumPy opens the
archive like any ``.npz``.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.replacing import replacing

__all__ = ["HEADER", "VERSION", "Parts", "write_archive"]

VERSION = 1
"""Version of the format. Files of later versions are refused."""

HEADER = "tsnekit.json"


@dataclass(frozen=True)
class Parts:
    """An array that is written part by part, so that no one needs to hold all of it.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    parts : iterable of ndarray
        Along the first axis, of this dtype.
    """

    shape: tuple[int, ...]
    dtype: Any
    parts: Iterable[NDArray[Any]]


def write_archive(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any] | Parts],
) -> None:
    """Write a file, whole or not at all: an existing file stays until the new one is complete.

    A symbolic link stays, and the file that it names is written. An existing file keeps its mode.

    Parameters
    ----------
    path : path-like
    header : mapping
        What JSON can hold.
    arrays : mapping of str to ndarray or Parts
        By name; slashes are allowed.

    Raises
    ------
    OSError
        If the file cannot be written, or the path leads to something other than a file.
    ValueError
        If parts do not make an array of the shape that they should.
    """
    text = json.dumps({"format": "tsnekit", "version": VERSION, **header}, indent=1)
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(HEADER, text)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                if isinstance(array, Parts):
                    _write_parts(member, name, array)
                else:
                    np.lib.format.write_array(member, array, allow_pickle=False)


def _write_parts(member: Any, name: str, array: Parts) -> None:
    dtype = np.dtype(array.dtype)
    described = {"descr": dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(member, described)
    length = 0
    for part in array.parts:
        if part.dtype != dtype or part.shape[1:] != array.shape[1:]:
            raise ValueError(f"a part of {name} is {part.dtype} of shape {part.shape}")
        member.write(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        length += len(part)
    if length != array.shape[0]:
        raise ValueError(f"{name} must have {array.shape[0]} rows, but its parts have {length}")
