# cython: language_level=3
"""Sparse affinities as the kernels read them, borrowed from their arrays."""

from libc.stdint cimport int32_t, int64_t
from .shapes cimport expect, expect_least

cdef extern from "kernels/descent/affinities.hpp" namespace "tsnekit":
    struct Affinities:
        int64_t n_rows
        const int64_t* row_start
        const int32_t* column
        const float* value


cdef inline Affinities borrow(
    const int64_t[::1] indptr, const int32_t[::1] indices, const float[::1] data
) except *:
    """Return the matrix; its ends are checked here, all its entries when it was made."""
    cdef Affinities p
    expect_least("indptr", indptr.shape[0], 1)
    expect("data", data.shape[0], indices.shape[0])
    p.n_rows = indptr.shape[0] - 1
    if not 0 <= indptr[0] <= indptr[p.n_rows] <= indices.shape[0]:
        raise ValueError(
            f"indptr must lie within the {indices.shape[0]} entries, "
            f"got {indptr[0]} to {indptr[p.n_rows]}"
        )
    p.row_start = &indptr[0]
    p.column = &indices[0] if indices.shape[0] else NULL
    p.value = &data[0] if data.shape[0] else NULL
    return p
