"""The file format: a zip archive of plain arrays (.npy) and one JSON header, all uncompressed.

Nothing in the archive is pickled, so that reading a file runs no code from it. NumPy opens the
archive like any ``.npz``.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.replacing import replacing

__all__ = ["HEADER", "VERSION", "write_archive"]

VERSION = 1
"""Version of the format. Files of later versions are refused."""

HEADER = "tsnekit.json"


def write_archive(
    path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a file, whole or not at all: an existing file stays until the new one is complete.

    A symbolic link stays, and the file that it names is written. An existing file keeps its mode.

    Parameters
    ----------
    path : path-like
    header : mapping
        What JSON can hold.
    arrays : mapping of str to ndarray
        By name; slashes are allowed.

    Raises
    ------
    OSError
        If the file cannot be written, or the path leads to something other than a file.
    """
    text = json.dumps({"format": "tsnekit", "version": VERSION, **header}, indent=1)
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(HEADER, text)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
