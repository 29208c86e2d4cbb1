"""Single cells: .h5ad files, and what Cell Ranger writes: folders, .mtx and .h5 files."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.labels import Values
from tsnekit._util.names import did_you_mean
from tsnekit._util.process import without_warnings

__all__ = ["Cells", "read_10x_h5", "read_h5ad", "read_mtx"]

COUNTS = "{} holds counts; --transform log1p --pca 50 is usual"
GENES = "Gene Expression"


@dataclass(frozen=True)
class Cells:
    """Cells that were read.

    Parameters
    ----------
    X : array or sparse matrix of shape (n, p)
    ids : ndarray of shape (n,), str, optional
    names : sequence of str, optional
        Names of the genes, where X has a column for each.
    labels : array-like of shape (n,), optional
    colors : mapping of str to str, optional
        Colours of labels that are classes.
    notes : tuple of str
    obs : pandas.DataFrame, optional
        What else the file says of the cells.
    """

    X: Any
    ids: NDArray[Any] | None = None
    names: Sequence[str] | None = None
    labels: Any = None
    colors: dict[Any, str] | None = None
    notes: tuple[str, ...] = ()
    obs: Any = None


def read_h5ad(
    source: str,
    *,
    use_rep: str | None = None,
    n_pcs: int | None = None,
    layer: str | None = None,
    labels: str | None = None,
) -> Cells:
    """Read a representation and, if asked, labels of the cells in a .h5ad file.

    Parameters
    ----------
    source : str
    use_rep, n_pcs, layer
        See `tsnekit.scanpy.representation`.
    labels : str, optional
        A column of ``obs``, or a gene.

    Raises
    ------
    ValueError
        If anndata is not installed, or the file has no such representation, column or gene.
    """
    try:
        import anndata
    except ImportError:
        raise ValueError(f"reading {source} needs anndata: pip install 'tsnekit[scanpy]'") from None
    from tsnekit.scanpy import representation

    try:
        # Files of before warn of what they are.
        with without_warnings():
            adata = anndata.read_h5ad(source, backed="r")
    # What is not a file of cells ends in many ways.
    except Exception as error:
        if isinstance(error, PermissionError | MemoryError):
            raise
        raise ValueError(f"{source} is not a whole .h5ad file: {error}") from None
    try:
        try:
            X, rep = representation(adata, use_rep, n_pcs, layer)
        except ValueError as error:
            raise ValueError(f"{source}: {_as_options(error)}") from None
        X = X if hasattr(X, "indptr") else np.asarray(X)  # read before the file is closed
        names = list(map(str, adata.var_names)) if rep == "X" else None
        found, colors = (None, None) if labels is None else _labels_of(adata, source, labels, layer)
        return Cells(X, adata.obs_names.to_numpy(), names, found, colors, obs=adata.obs)
    finally:
        adata.file.close()


def _as_options(error: ValueError) -> str:
    """Return a message in the names that the command line has for the parameters."""
    text = str(error).replace("use_rep=", "--use-rep ").replace("use_rep", "--use-rep")
    return (
        text.replace("n_pcs=", "--n-pcs ")
        .replace("n_pcs", "--n-pcs")
        .replace("layer must", "--layer must")
    )


def _labels_of(
    adata: Any, source: str, name: str, layer: str | None
) -> tuple[Any, dict[Any, str] | None]:
    """Return a column of obs and its colours, or a gene's values."""
    if name in adata.obs:
        column = adata.obs[name]
        colors = adata.uns.get(f"{name}_colors")
        categories = getattr(column.array, "categories", None)
        if colors is None or categories is None or len(colors) < len(categories):
            return column, None
        return column, dict(zip(categories, map(str, colors), strict=False))
    if name in adata.var_names:
        chosen = adata[:, [name]]
        values = chosen.X if layer is None else chosen.layers[layer]
        values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
        # A measured value is on a scale, also where few of its numbers differ.
        return Values(values=values.ravel().astype(np.float64), title=name), None
    hint = did_you_mean(name, [*adata.obs, *adata.var_names])
    raise ValueError(
        f"labels {name!r} are neither a file, nor a column of obs ({', '.join(adata.obs)}), nor "
        f"a gene of {source}{hint}"
    )


def read_mtx(source: str, *, transpose: bool = False) -> Cells:
    """Read a matrix of Cell Ranger with the names beside it, or any other .mtx file.

    Parameters
    ----------
    source : str
        A folder, or a .mtx file, which may be compressed.
    transpose : bool, default=False
        Whether the columns of a matrix without names are the cells.

    Raises
    ------
    ValueError
        If the folder has no matrix, a file is not a whole one, or the numbers of names do not fit.
    """
    from scipy.io import mmread

    path = _matrix_in(Path(source)) if Path(source).is_dir() else Path(source)
    try:
        matrix = mmread(path)
    except Exception as error:
        if isinstance(error, PermissionError | MemoryError):
            raise
        raise ValueError(f"{path} is not a whole .mtx file: {error}") from None
    barcodes, features = (
        _names_beside(path, names) for names in (("barcodes",), ("features", "genes"))
    )
    rows = matrix.tocsr() if hasattr(matrix, "tocsr") else np.asarray(matrix)
    if barcodes is None or features is None:
        if Path(source).is_dir():
            raise ValueError(f"{source} has no barcodes.tsv and features.tsv beside {path.name}")
        return Cells(
            rows.T.tocsr()
            if transpose and hasattr(rows, "tocsr")
            else (rows.T if transpose else rows)
        )
    if rows.shape != (len(features), len(barcodes)):
        raise ValueError(
            f"{path} has {rows.shape[0]} rows and {rows.shape[1]} columns, but there are names of "
            f"{len(features)} features and {len(barcodes)} barcodes beside it"
        )
    ids = np.array([line[0] for line in barcodes], dtype=object)
    kinds = [line[2] if len(line) > 2 else GENES for line in features]
    names = [line[0] for line in features]
    return _genes_only(source, rows.T.tocsr(), ids, names, kinds)


def read_10x_h5(source: str) -> Cells:
    """Read a .h5 file of Cell Ranger.

    Raises
    ------
    ValueError
        If h5py is not installed, or the file is none of Cell Ranger, or not a whole one.
    """
    try:
        import h5py
    except ImportError:
        raise ValueError(f"reading {source} needs h5py: pip install 'tsnekit[scanpy]'") from None
    from scipy.sparse import csr_matrix

    try:
        with h5py.File(source, "r") as file:
            group = file["matrix"] if "matrix" in file else next(iter(file.values()), None)
            is_matrix = isinstance(group, h5py.Group) and {"indptr", "barcodes"} <= set(group)
            if group is None or not is_matrix:
                raise ValueError(
                    f"{source} is not a .h5 file of Cell Ranger: it has no group 'matrix' with "
                    "'indptr' and 'barcodes'"
                )
            shape = tuple(int(each) for each in group["shape"][:])
            # Columns of genes by cells are rows of cells by genes.
            parts = tuple(group[name][:] for name in ("data", "indices", "indptr"))
            X = csr_matrix(parts, shape=shape[::-1])
            features = group.get("features", {})
            names = _texts(features["id"] if features else group["genes"])
            kinds = _texts(features["feature_type"]) if "feature_type" in features else None
            ids = np.array(_texts(group["barcodes"]), dtype=object)
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"{source} is not a whole .h5 file: {error}") from None
    return _genes_only(source, X, ids, names, kinds or [GENES] * len(names))


def _texts(values: Any) -> list[str]:
    return [each.decode() if isinstance(each, bytes) else str(each) for each in values[:]]


def _genes_only(
    source: str, X: Any, ids: NDArray[Any], names: list[str], kinds: list[str]
) -> Cells:
    """Leave out features that are no genes, such as antibodies."""
    notes = [COUNTS.format(source)]
    kept = [place for place, kind in enumerate(kinds) if kind == GENES]
    if kept and len(kept) < len(names):
        others = sorted(set(kinds) - {GENES})
        count = len(names) - len(kept)
        notes.append(f"{source}: {count} features of {', '.join(others)} were left out")
        X, names = X[:, kept], [names[place] for place in kept]
    return Cells(X, ids, names, notes=tuple(notes))


def _matrix_in(folder: Path) -> Path:
    found = sorted(
        path for path in folder.iterdir() if path.name.endswith(("matrix.mtx", "matrix.mtx.gz"))
    )
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise ValueError(f"{folder} has several matrices ({names}); give the file")
    raise ValueError(f"{folder} is a folder without a matrix.mtx or matrix.mtx.gz")


def _names_beside(path: Path, names: Sequence[str]) -> list[list[str]] | None:
    """Return the cells of each line of a file of names beside a matrix; None if there is none."""
    beginning, matrix, _ = path.name.partition("matrix.mtx")
    if not matrix:
        return None
    for name in names:
        for ending in (".tsv.gz", ".tsv"):
            beside = path.with_name(f"{beginning}{name}{ending}")
            if beside.is_file():
                raw = beside.read_bytes()
                text = (gzip.decompress(raw) if ending.endswith(".gz") else raw).decode()
                return [line.split("\t") for line in text.splitlines()]
    return None
