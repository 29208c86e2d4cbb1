"""The reader of saved files, which turns every fault of a file into a ValueError.

A file may come from anywhere. Every length, position and shape in it is compared with the actual
bytes before it is used. The size of the file therefore bounds the memory that it takes.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import struct
import zipfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tsnekit._files.archive import HEADER, VERSION

__all__ = ["Stream", "damage", "open_archive", "read_archive"]

MAX_DEPTH = 64
"""How deeply lists and mappings in the header may be nested."""

CHUNK = 2**20

STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
BRACKET = re.compile(r"[\[{\]}]")

NPY_PREFIX = struct.Struct("<6sBBH")
# The header that NumPy writes for arrays of numbers. NumPy's own reader accepts any Python literal.
NPY_HEADER = re.compile(
    rb"\{'descr': '([<>|][biuf]\d{1,2})', 'fortran_order': (True|False), "
    rb"'shape': \((|\d+,|\d+(?:, \d+)+)\), \} *\n"
)

Arrays = dict[str, NDArray[Any]]

# The exceptions that zipfile, json and NumPy raise on invalid bytes.
DAMAGE = (
    zipfile.BadZipFile,
    ValueError,
    KeyError,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    struct.error,
)


def read_archive(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    """Return the header and the arrays of a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If tsnekit did not save the file, if it is damaged, or if its version is a later one.
    """
    with open_archive(path) as (header, arrays, _):
        return header, arrays


@contextmanager
def open_archive(
    path: str | os.PathLike[str], streamed: Collection[str] = ()
) -> Iterator[tuple[dict[str, Any], Arrays, dict[str, Stream]]]:
    """Open a file, and read all of it but some arrays, which are read part by part.

    Parameters
    ----------
    path : path-like
    streamed : collection of str
        The names of these arrays, which the file may have or not.

    Yields
    ------
    header : dict
    arrays : dict of str to ndarray
    streams : dict of str to Stream
        Can be read until the block ends, each read within `damage`.

    Raises
    ------
    OSError, ValueError
        See `read_archive`.
    """
    with open(path, "rb") as file, ExitStack() as opened:
        start = file.read(64)
        if not start.startswith(b"PK\x03\x04") or HEADER.encode() not in start:
            raise ValueError(f"{path} is not a file that tsnekit saved")
        with damage(path):
            header, version, members, archive = _read_directory(file, opened)
        if version > VERSION:
            raise ValueError(
                f"{path} was saved by a later version of tsnekit: its format is {version}, and "
                f"this version reads up to {VERSION}"
            )
        arrays: Arrays = {}
        streams: dict[str, Stream] = {}
        with damage(path):
            for member, info in members.items():
                name = member.removesuffix(".npy")
                if name in streamed:
                    streams[name] = Stream(opened.enter_context(archive.open(info)), info)
                else:
                    with archive.open(info) as content:
                        arrays[name] = Stream(content, info).rest()
        yield header, arrays, streams


@contextmanager
def damage(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever invalid bytes raise within the block into a ValueError that names the file."""
    try:
        yield
    except DAMAGE as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # The file states a position that no file can have.
        raise ValueError(f"{path} is truncated or damaged: {error}") from error


def _read_directory(
    file: BinaryIO, opened: ExitStack
) -> tuple[dict[str, Any], int, dict[str, zipfile.ZipInfo], zipfile.ZipFile]:
    size = os.fstat(file.fileno()).st_size
    archive = opened.enter_context(zipfile.ZipFile(file))
    members = _checked_members(archive, size)
    header = _parse_header(archive.read(members.pop(HEADER)).decode())
    version = header.pop("version", None)
    if header.pop("format", None) != "tsnekit" or type(version) is not int or version < 1:
        raise ValueError("the header does not name the format and its version")
    return header, version, members, archive


def _checked_members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name; all are uncompressed, and together no longer than the file."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename
        if name in members:
            raise ValueError(f"the archive holds {name!r} twice")
        if name != HEADER and not name.endswith(".npy"):
            raise ValueError(f"{name!r} is not an array")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise ValueError(f"{name!r} is compressed, but tsnekit saves uncompressed arrays")
        members[name] = member
    if sum(member.file_size for member in members.values()) > size:
        raise ValueError("the arrays are longer than the file")
    if HEADER not in members:
        raise ValueError("the header is missing")
    return members


def _parse_header(text: str) -> dict[str, Any]:
    depth = deepest = 0
    for bracket in BRACKET.findall(STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise ValueError(f"the header is nested {deepest} deep, more than {MAX_DEPTH}")
    header = json.loads(text, object_pairs_hook=_mapping_of)
    if not isinstance(header, dict):
        raise ValueError("the header is not a mapping")
    return header


def _mapping_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("the header has a name twice in one mapping")
    return mapping


class Stream:
    """An array of a file, which is read from its first row to its last.

    Parameters
    ----------
    file : file
        The opened member of the archive.
    member : ZipInfo

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
    """

    def __init__(self, file: Any, member: zipfile.ZipInfo) -> None:
        self._file, self._name = file, member.filename
        name = self._name
        prefix = file.read(NPY_PREFIX.size)
        if len(prefix) < NPY_PREFIX.size:
            raise ValueError(f"{name!r} ends too early")
        magic, major, minor, length = NPY_PREFIX.unpack(prefix)
        described = NPY_HEADER.fullmatch(file.read(length))
        if (magic, major, minor) != (b"\x93NUMPY", 1, 0) or described is None:
            raise ValueError(f"{name!r} is not an array of numbers")
        try:
            self.dtype = np.dtype(described[1].decode())
        except TypeError:
            raise ValueError(f"{name!r} has an unknown dtype, {described[1].decode()}") from None
        shape = tuple(int(number) for number in described[3].split(b",") if number.strip())
        n_bytes = math.prod(shape) * self.dtype.itemsize
        if n_bytes != member.file_size - NPY_PREFIX.size - length:
            raise ValueError(f"{name!r} does not have the length of its shape, {shape}")
        self.shape = shape
        self._is_fortran = described[2] == b"True"

    def take(self, n_rows: int) -> NDArray[Any]:
        """Return the next rows.

        Raises
        ------
        ValueError
            If the array does not have its rows one after the other, or ends before.
        """
        if self._is_fortran and len(self.shape) > 1:
            raise ValueError(f"{self._name!r} has its columns one after the other")
        array = np.empty((n_rows, *self.shape[1:]), dtype=self.dtype)
        self._fill(array)
        return self._native(array)

    def rest(self) -> NDArray[Any]:
        """Return the whole array, of which nothing must have been read yet."""
        shape = self.shape
        array = np.empty(shape[::-1] if self._is_fortran else shape, dtype=self.dtype)
        self._fill(array)
        self.finish()
        return self._native(array.T if self._is_fortran else array).reshape(shape)

    def finish(self) -> None:
        """Check that all rows were read, and that they are those that were written."""
        # The checksum is compared at the end of the member.
        if self._file.read(1):
            raise ValueError(f"{self._name!r} is longer than its shape")

    def _native(self, array: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(array, dtype=self.dtype.newbyteorder("="))

    def _fill(self, array: NDArray[Any]) -> None:
        into = array.reshape(-1).view(np.uint8)
        filled = 0
        while filled < len(into):
            chunk = self._file.read(min(CHUNK, len(into) - filled))
            if not chunk:
                raise ValueError(f"{self._name!r} ends too early")
            into[filled : filled + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
            filled += len(chunk)
