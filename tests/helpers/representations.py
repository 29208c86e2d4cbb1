"""The same numbers in other representations, dense and sparse."""

from decimal import Decimal

import numpy as np
import pandas as pd
import scipy.sparse


def in_parts(X):
    """Every entry in two parts that add up to it, columns from last to first."""
    whole = scipy.sparse.csr_matrix(X)
    rows = [slice(a, b) for a, b in zip(whole.indptr[:-1], whole.indptr[1:], strict=True)]
    indices = np.concatenate([np.tile(whole.indices[row][::-1], 2) for row in rows])
    data = np.concatenate([np.outer([0.75, 0.25], whole.data[row][::-1]).ravel() for row in rows])
    return scipy.sparse.csr_matrix((data, indices, whole.indptr * 2), whole.shape)


def with_zeros(X):
    full = scipy.sparse.csr_matrix(X + 1)
    full.data -= 1
    return full


def unsorted(X):
    rows = scipy.sparse.csr_matrix(X)
    for a, b in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        rows.indices[a:b] = rows.indices[a:b][::-1].copy()
        rows.data[a:b] = rows.data[a:b][::-1].copy()
    rows.has_canonical_format = True  # a flag that SciPy does not check
    return rows


def wide_indices(X):
    rows = scipy.sparse.csr_matrix(X)
    rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    return rows


SPARSE = {
    "in parts": in_parts,
    "with zeros": with_zeros,
    "unsorted": unsorted,
    "64-bit indices": wide_indices,
    "coo": lambda X: in_parts(X).tocoo(),
    "csc": lambda X: scipy.sparse.csc_matrix(with_zeros(X)),
    "dok": scipy.sparse.dok_matrix,
    "bsr": scipy.sparse.bsr_matrix,
    "csr_array": lambda X: scipy.sparse.csr_array(in_parts(X)),
    "sparse frame": lambda X: pd.DataFrame.sparse.from_spmatrix(with_zeros(X)),
    "longdouble": lambda X: scipy.sparse.csr_matrix(X).astype(np.longdouble),
}


class Subclass(np.ndarray):
    def __getitem__(self, key):
        raise AssertionError("a sub-class changes what arrays do")


DENSE = {
    "list": np.ndarray.tolist,
    "tuples": lambda X: tuple(map(tuple, X)),
    "rows": list,
    "big-endian": lambda X: X.astype(">f8"),
    "masked, nothing": np.ma.masked_array,
    "matrix": np.asmatrix,
    "sub-class": lambda X: X.view(Subclass),
    "objects": lambda X: X.astype(object),
    "decimals": lambda X: np.array([[Decimal(v) for v in row] for row in X.tolist()]),
    "columns": np.asfortranarray,
    "int64": lambda X: X.astype(np.int64),
    "int32, big-endian": lambda X: X.astype(">i4"),
    "frame": pd.DataFrame,
    "nullable": lambda X: pd.DataFrame(X).astype("Float64"),
    "nullable integers": lambda X: pd.DataFrame(X).astype("Int64"),
    "categories": lambda X: pd.DataFrame(X).astype("category"),
    "objects in a frame": lambda X: pd.DataFrame(X).astype(object),
}
