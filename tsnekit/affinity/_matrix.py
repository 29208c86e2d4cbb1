"""Matrices of affinities: from weights of neighbors, and from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.validation import check_table, short_repr
from tsnekit.interfaces import SparseAffinities

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["check_matrix", "conditional_affinities", "from_scipy", "joint_affinities", "to_scipy"]


def joint_affinities(
    indices: NDArray[np.int32],
    weights: NDArray[np.float32],
    *,
    how: str = "mean",
    n_jobs: int = 1,
) -> SparseAffinities:
    """Symmetrize conditional weights W into P, which sums to 1.

    Every edge of the neighbor graph is kept, however small its weight.

    Parameters
    ----------
    indices : ndarray of shape (n, k), int32
        Neighbors of each row, each at most once.
    weights : ndarray of shape (n, k), float32
        Their weights.
    how : {"mean", "max"}, default="mean"
        "mean" is W + W^T, and "max" the larger of the two. The result is divided by its sum. For
        "mean", the sum is 2n if the rows of W sum to 1.
    n_jobs : int, default=1
        Number of threads, already resolved. The result is the same for any.

    Returns
    -------
    SparseAffinities of shape (n, n)
        Symmetric, with sorted rows.

    Raises
    ------
    ValueError
        If the index of a neighbor is not that of a row.
    """
    import tsnekit._native.symmetrize as native

    n, k = indices.shape
    # The buffers hold every edge in both directions. Where an edge and its reverse are both given,
    # they are joined, and the buffers shrink in place.
    joined = np.empty(2 * n * k, dtype=np.int32)
    data = np.empty(2 * n * k, dtype=np.float32)
    indptr = np.empty(n + 1, dtype=np.int64)
    if not native.symmetrize(indices, weights, how == "max", indptr, joined, data, n_jobs):
        raise ValueError(f"the indices of neighbors must be from 0 to {n - 1}")
    joined.resize(indptr[-1], refcheck=False)
    data.resize(indptr[-1], refcheck=False)
    return SparseAffinities(indptr, joined, data, (n, n), symmetric=True)


def conditional_affinities(
    indices: NDArray[np.int32],
    weights: NDArray[np.float32],
    n_columns: int,
    *,
    scale: float = 1.0,
    n_jobs: int = 1,
) -> SparseAffinities:
    """Put conditional weights (n, k), times `scale`, into a sparse matrix (n, n_columns).

    The matrix is not symmetrized. Its rows are sorted.

    Raises
    ------
    ValueError
        If a neighbor is not below `n_columns`.
    """
    import tsnekit._native.symmetrize as native

    n, k = indices.shape
    columns = np.empty(n * k, dtype=np.int32)
    data = np.empty(n * k, dtype=np.float32)
    if not native.sort_rows(indices, weights, n_columns, scale, columns, data, n_jobs):
        raise ValueError(f"the indices of neighbors must be from 0 to {n_columns - 1}")
    indptr = np.arange(0, n * k + 1, k, dtype=np.int64)
    return SparseAffinities(indptr, columns, data, (n, n_columns))


def to_scipy(matrix: SparseAffinities) -> csr_matrix:
    """Return the matrix as a SciPy CSR matrix that shares its memory and is read-only."""
    from scipy.sparse import csr_matrix

    shared = csr_matrix((matrix.data, matrix.indices, matrix.indptr), matrix.shape, copy=False)
    for array in (shared.data, shared.indices, shared.indptr):
        array.setflags(write=False)
    shared.has_canonical_format = True
    return shared


def from_scipy(rows: Any) -> SparseAffinities:
    """Return a CSR matrix of this package in the form that the native layer reads.

    Nothing is checked, and memory is shared if the types allow it. Matrices from outside go through
    `check_matrix`.
    """
    return SparseAffinities(
        rows.indptr.astype(np.int64, copy=False),
        rows.indices.astype(np.int32, copy=False),
        rows.data.astype(np.float32, copy=False),
        rows.shape,
    )


def check_matrix(
    given: Any,
    *,
    name: str = "P",
    square: bool = False,
    n_columns: int | None = None,
    normalize: bool = False,
) -> SparseAffinities:
    """Return affinities that come from outside, checked and copied.

    All affinities that this package did not compute pass here, since native code does not check
    them again.

    Parameters
    ----------
    given : SparseAffinities, sparse matrix or array-like of shape (n, m)
        Repeated entries of a sparse matrix are added up, as SciPy does. The given matrix is not
        changed.
    name : str, default="P"
        Name of the parameter, for messages.
    square : bool, default=False
        Whether n must equal m.
    n_columns : int, optional
        What m must be.
    normalize : bool, default=False
        Whether to divide by the sum.

    Returns
    -------
    SparseAffinities
        With sorted rows, each column at most once in a row.

    Raises
    ------
    TypeError, ValueError
        If `given` is not a matrix of real numbers, has another shape, or holds a value that is
        negative, not finite or too large for single precision; or if it is to be normalized and
        sums to 0.
    """
    from scipy.sparse import csr_matrix

    # The zeros of a SparseAffinities stay, so that sums are computed in the same order as before.
    native = isinstance(given, SparseAffinities)
    checked = check_table(
        _check_parts(given, name) if native else given,
        name=name,
        dtype=(np.float64, np.float32),
        min_rows=0,
        keep_zeros=native,
    )
    n, m = checked.shape
    if square and n != m:
        raise ValueError(f"{name} must be square, got shape {checked.shape}")
    if n_columns is not None and m != n_columns:
        raise ValueError(f"{name} must have {n_columns} columns, got shape {checked.shape}")
    rows = csr_matrix(checked)
    if rows.nnz and rows.data.min() < 0:
        raise ValueError(f"{name} must not be negative, got {rows.data.min():g}")
    values = rows.data
    if normalize:
        total = values.sum(dtype=np.float64)
        if not total > 0:
            raise ValueError(f"{name} must not all be 0")
        values = values / total
    with np.errstate(over="ignore"):  # an overflow gives infinity, which is refused below
        data = values.astype(np.float32)
    if not np.isfinite(data).all():
        raise ValueError(f"{name} must fit into single precision, got {rows.data.max():g}")
    return SparseAffinities(
        rows.indptr.astype(np.int64), rows.indices.astype(np.int32), data, (int(n), int(m))
    )


def _check_parts(given: SparseAffinities, name: str) -> Any:
    """Return the arrays as a CSR matrix, checked."""
    from scipy.sparse import csr_matrix

    broken = f"{name} is a broken sparse matrix: "
    parts = {part: np.asarray(getattr(given, part)) for part in ("indptr", "indices", "data")}
    for part, array in parts.items():
        kinds = "biuf" if part == "data" else "iu"
        if array.ndim != 1 or array.dtype.kind not in kinds:
            what = "numbers" if part == "data" else "integers"
            raise ValueError(
                f"{broken}{part} must be a one-dimensional array of {what}, got shape "
                f"{array.shape} of {array.dtype}"
            )
    try:
        n, m = (int(size) for size in given.shape)
    except (TypeError, ValueError):
        raise ValueError(
            f"{broken}shape must be two integers, got {short_repr(given.shape)}"
        ) from None
    indptr, indices, data = parts["indptr"], parts["indices"], parts["data"]
    if min(n, m) < 0 or len(indptr) != n + 1:
        raise ValueError(
            f"{broken}{n} rows need {n + 1} entries of indptr, got {len(indptr)}; shape is {n, m}"
        )
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(f"{broken}indptr must start at 0 and never decrease")
    if not len(indices) == len(data) == indptr[-1]:
        raise ValueError(
            f"{broken}indptr ends at {indptr[-1]}, but there are {len(indices)} indices and "
            f"{len(data)} values"
        )
    if len(indices) and (indices.min() < 0 or indices.max() >= m):
        raise ValueError(f"{broken}indices must be from 0 to {m - 1}")
    return csr_matrix((data, indices, indptr), (n, m), copy=False)
