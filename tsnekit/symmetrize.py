"""From conditional weights of neighbors to sparse affinity matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import SparseAffinities
from tsnekit.validation import check_rows

__all__ = ["conditional_affinities", "from_scipy", "joint_affinities", "to_scipy"]


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
        "mean" is W + W^T, "max" the larger of the two; either is divided by its sum, which for
        "mean" is 2n where the rows of W sum to 1.
    n_jobs : int, default=1
        Number of threads, already resolved. The result is the same for any.

    Returns
    -------
    SparseAffinities of shape (n, n)
        Symmetric, with sorted rows.

    Raises
    ------
    ValueError
        If a neighbor is not a row.
    """
    import tsnekit._native.symmetrize as native

    n, k = indices.shape
    # The buffers hold every edge twice, and shrink in place to what remains when edges that run
    # both ways are joined.
    joined = np.empty(2 * n * k, dtype=np.int32)
    data = np.empty(2 * n * k, dtype=np.float32)
    indptr = np.empty(n + 1, dtype=np.int64)
    if not native.symmetrize(indices, weights, how == "max", indptr, joined, data, n_jobs):
        raise ValueError(f"the indices of neighbors must be from 0 to {n - 1}")
    joined.resize(indptr[-1], refcheck=False)
    data.resize(indptr[-1], refcheck=False)
    return SparseAffinities(indptr, joined, data, (n, n))


def conditional_affinities(
    indices: NDArray[np.int32],
    weights: NDArray[np.float32],
    n_columns: int,
    *,
    scale: float = 1.0,
    n_jobs: int = 1,
) -> SparseAffinities:
    """Put conditional weights into a sparse matrix, without symmetrizing.

    Parameters
    ----------
    indices : ndarray of shape (n, k), int32
        Neighbors of each row.
    weights : ndarray of shape (n, k), float32
        Their weights.
    n_columns : int
        Number of rows among which the neighbors are.
    scale : float, default=1
        Factor of all weights.
    n_jobs : int, default=1
        Number of threads, already resolved.

    Returns
    -------
    SparseAffinities of shape (n, n_columns)
        With sorted rows.

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


def to_scipy(matrix: SparseAffinities) -> Any:
    """Return the matrix as a SciPy CSR matrix that shares its memory and is read-only."""
    from scipy.sparse import csr_matrix

    shared = csr_matrix((matrix.data, matrix.indices, matrix.indptr), matrix.shape, copy=False)
    for array in (shared.data, shared.indices, shared.indptr):
        array.setflags(write=False)
    shared.has_canonical_format = True
    return shared


def from_scipy(matrix: Any, *, copy: bool = True) -> SparseAffinities:
    """Return a SciPy sparse matrix, or a dense array, in the form that the native layer reads.

    Parameters
    ----------
    matrix : sparse matrix or array of shape (n, m)
    copy : bool, default=True
        Whether to copy what has the right types already. Without it, the rows must hold no column
        twice.
    """
    from scipy.sparse import csr_matrix

    rows = csr_matrix(matrix, dtype=np.float32, copy=copy)
    if copy:
        check_rows(rows, name="matrix")
        rows.sum_duplicates()
    return SparseAffinities(
        rows.indptr.astype(np.int64, copy=False),
        rows.indices.astype(np.int32, copy=False),
        rows.data,
        rows.shape,
    )
