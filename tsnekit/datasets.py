"""Reading the data that the command line is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHIPPED", "read_anndata", "read_data", "read_labels"]

SHIPPED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
"""Data sets that scikit-learn ships."""

_DATA_KEYS = ("X", "data", "x")
_LABEL_KEYS = ("y", "labels", "target")


def read_data(source: str, *, key: str | None = None) -> tuple[Any, NDArray[Any] | None]:
    """Read a data set and, where it has them, its labels.

    Parameters
    ----------
    source : str
        Name of a data set that scikit-learn ships, or a .npy, .npz, .csv or .tsv file. A text file
        may have a header; columns that are not numbers are not allowed.
    key : str, optional
        Array of a .npz file to read; by default X, data or x, or the only one.

    Returns
    -------
    X : ndarray of shape (n, p)
    labels : ndarray of shape (n,) or None

    Raises
    ------
    ValueError
        If there is no such data set, or the file cannot be read.
    """
    if source in SHIPPED:
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{source}")()
        labels = bunch.target
        names = getattr(bunch, "target_names", None)
        if names is not None and labels.dtype.kind in "iu" and len(names) > labels.max():
            labels = np.asarray(names)[labels]
        return bunch.data, labels if labels.ndim == 1 else None
    path = Path(source)
    if not path.exists():
        raise ValueError(
            f"{source!r} is neither a file nor a data set that ships: {', '.join(SHIPPED)}"
        )
    if path.suffix == ".npz":
        return _read_npz(path, key)
    return _read_array(path), None


def read_anndata(path: Path, *, use_rep: str | None, labels: str | None) -> tuple[Any, Any]:
    """Read a representation and, if asked, labels of the cells in a .h5ad file.

    Parameters
    ----------
    path : Path
    use_rep : str, optional
        See `tsnekit.scanpy.representation`.
    labels : str, optional
        A column of ``obs``.

    Returns
    -------
    X : array or sparse matrix of shape (n_obs, n_features)
    labels : Series of shape (n_obs,) or None

    Raises
    ------
    ValueError
        If anndata is not installed, or the file has no such representation or column.
    """
    try:
        import anndata
    except ImportError:
        raise ValueError(
            "reading .h5ad files needs anndata: pip install 'tsnekit[scanpy]'"
        ) from None
    from tsnekit.scanpy import representation

    adata = anndata.read_h5ad(path, backed="r")
    try:
        X, _ = representation(adata, use_rep)
        X = X if hasattr(X, "indptr") else np.asarray(X)  # read before the file is closed
        if labels is None:
            return X, None
        if labels not in adata.obs:
            raise ValueError(
                f"labels {labels!r} are neither a file nor a column of obs ({', '.join(adata.obs)})"
            )
        return X, adata.obs[labels]
    finally:
        adata.file.close()


def read_labels(source: str) -> NDArray[Any]:
    """Read one label per row from a .npy, .csv, .tsv or .txt file.

    Raises
    ------
    ValueError
        If the file cannot be read or has more than one column.
    """
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"labels file {source!r} does not exist")
    if path.suffix == ".npy":
        labels = np.load(path, allow_pickle=False)
    else:
        labels = np.array(path.read_text().split("\n"))
        labels = np.char.strip(labels[: len(labels) - (labels[-1] == "")])
    if labels.ndim != 1:
        raise ValueError(f"labels in {source!r} must be one-dimensional, got {labels.ndim}")
    return labels


def _read_npz(path: Path, key: str | None) -> tuple[NDArray[Any], NDArray[Any] | None]:
    with np.load(path, allow_pickle=False) as archive:
        if key is None:
            key = next((name for name in _DATA_KEYS if name in archive.files), None)
        if key is None and len(archive.files) == 1:
            key = archive.files[0]
        if key is None or key not in archive.files:
            raise ValueError(
                f"{path} has no array {key or _DATA_KEYS[0]!r}; it has {', '.join(archive.files)}"
            )
        X = archive[key]
        for name in _LABEL_KEYS:
            if name in archive.files and archive[name].shape == (len(X),):
                return X, archive[name]
    return X, None


def _read_array(path: Path) -> NDArray[Any]:
    if path.suffix == ".npy":
        array: NDArray[Any] = np.load(path, allow_pickle=False)
        return array
    delimiters = {".csv": ",", ".tsv": "\t"}
    if path.suffix not in delimiters:
        raise ValueError(f"{path} must be a .npy, .npz, .csv or .tsv file")
    delimiter = delimiters[path.suffix]
    with path.open() as file:
        first = file.readline().split(delimiter)
    try:
        [float(cell) for cell in first]
        header = 0
    except ValueError:
        header = 1
    return np.loadtxt(path, delimiter=delimiter, skiprows=header, ndmin=2)
