"""Arrays in .npy and .npz files, dense or sparse."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_npy", "read_npz"]

DATA_KEYS = ("X", "data", "x")
LABEL_KEYS = ("y", "labels", "target")
SPARSE_KEYS = {"format", "shape", "data"}

SAVED_AS_OBJECTS = "an array of Python objects; save text as str, for example by y.astype(str)"


def read_npy(source: str) -> NDArray[Any]:
    """Read an array.

    Raises
    ------
    ValueError
        If the file is no array, not a whole one, or one of objects.
    """
    with Path(source).open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ValueError(f"{source} is not a .npy file, although its name says so")
    try:
        array: NDArray[Any] = np.load(source, allow_pickle=False)
    except (ValueError, EOFError) as error:
        if "pickle" in str(error):
            raise ValueError(f"{source} holds {SAVED_AS_OBJECTS}") from None
        raise ValueError(f"{source} is not a whole .npy file: {error}") from None
    return array


def read_npz(source: str, key: str | None) -> tuple[Any, Any, tuple[str, ...]]:
    """Read the data of an archive, its labels if it has them, and what there is to say.

    Parameters
    ----------
    source : str
    key : str, optional
        Name of the data; by default X, data or x, or the only array.

    Raises
    ------
    ValueError
        If the file is not a whole archive, or does not have such an array.
    """
    if not zipfile.is_zipfile(source):
        raise ValueError(f"{source} is not a whole .npz file")
    try:
        loaded = np.load(source, allow_pickle=False)
    except (ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{source} is not a whole .npz file: {error}") from None
    with loaded as archive:
        names = archive.files
        if key is None and set(names) >= SPARSE_KEYS:
            from scipy.sparse import load_npz

            try:
                return load_npz(source).tocsr(), None, ()
            except (ValueError, KeyError, zipfile.BadZipFile) as error:
                raise ValueError(f"{source} is not a whole sparse matrix: {error}") from None
        if key is None:
            key = next((name for name in DATA_KEYS if name in names), None)
        if key is None and len(names) == 1:
            key = names[0]
        if key is None or key not in names:
            wanted = "X, data or x" if key is None else repr(key)
            raise ValueError(
                f"{source} has no array {wanted}; choose one of its arrays with --key: "
                f"{', '.join(names)}"
            )
        X = _member(archive, source, key)
        for name in LABEL_KEYS:
            if name in names:
                try:
                    labels = _member(archive, source, name)
                except ValueError as error:
                    return X, None, (f"{error}; the map has no labels",)
                if X.ndim and labels.shape == (len(X),):
                    return X, labels, ()
    return X, None, ()


def _member(archive: Any, source: str, name: str) -> NDArray[Any]:
    try:
        member: NDArray[Any] = archive[name]
    except (ValueError, zipfile.BadZipFile) as error:
        if "pickle" in str(error):
            raise ValueError(f"array {name!r} of {source} is {SAVED_AS_OBJECTS}") from None
        raise ValueError(f"array {name!r} of {source} is damaged: {error}") from None
    return member
