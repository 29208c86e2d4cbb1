"""The file format: a zip archive of plain arrays (.npy) and one JSON header.

Nothing in it is pickled, so that reading a file runs no code of the file's. NumPy opens one as it
opens any ``.npz``.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["VERSION", "read_archive", "write_archive"]

VERSION = 1
"""Version of the format; files of later ones are refused."""

HEADER = "tsnekit.json"


def write_archive(
    path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a file, whole or not at all: an older one stays until the new one is complete.

    Parameters
    ----------
    path : path-like
    header : mapping
        What JSON can hold.
    arrays : mapping of str to ndarray
        By name; slashes are allowed.
    """
    path = Path(path)
    text = json.dumps({"format": "tsnekit", "version": VERSION, **header}, indent=1)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(HEADER, text)
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read_archive(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays of a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no such file, is damaged, or is of a later version.
    """
    with open(path, "rb") as file:
        start = file.read(64)
        if not start.startswith(b"PK\x03\x04") or HEADER.encode() not in start:
            raise ValueError(f"{path} is not a file that tsnekit saved")
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                header = json.loads(archive.read(HEADER))
                version = int(header["version"])
                if version <= VERSION:
                    return header, {
                        name.removesuffix(".npy"): _read_array(archive, name)
                        for name in archive.namelist()
                        if name != HEADER
                    }
        # What zipfile, json and NumPy raise on bytes that make no sense.
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError, NotImplementedError) as error:
            raise ValueError(f"{path} is truncated or damaged: {error}") from error
    raise ValueError(
        f"{path} was saved by a later version of tsnekit: its format is {version}, and this "
        f"version reads up to {VERSION}"
    )


def _read_array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        member.read()  # to the end, where the checksum is compared
    return array
