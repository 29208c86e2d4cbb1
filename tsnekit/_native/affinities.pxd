# cython: language_level=3
"""Sparse affinities as the kernels read them, borrowed from their arrays."""

from libc.stdint cimport int32_t, int64_t

cdef extern from "kernels/attraction.hpp" namespace "tsnekit":
    struct Affinities:
        int64_t n_rows
        const int64_t* row_start
        const int32_t* column
        const float* value


cdef inline Affinities borrow(
    const int64_t[::1] indptr, const int32_t[::1] indices, const float[::1] data
) noexcept nogil:
    cdef Affinities p
    p.n_rows = indptr.shape[0] - 1
    p.row_start = &indptr[0]
    p.column = &indices[0] if indices.shape[0] else NULL
    p.value = &data[0] if data.shape[0] else NULL
    return p
