# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""A sparse matrix times a vector."""

from affinities cimport Affinities, borrow
from libc.stdint cimport int32_t, int64_t
from shapes cimport expect, expect_least

cdef extern from "kernels/matvec.hpp" namespace "tsnekit":
    void c_matvec "tsnekit::matvec"(
        int64_t n_rows, const int64_t* row_start, const int32_t* column, const float* value,
        const float* x, float* out, int threads,
    ) noexcept nogil


def matvec(
    const int64_t[::1] indptr, const int32_t[::1] indices, const float[::1] data,
    const float[::1] x, float[::1] out, int n_threads,
):
    """Fill `out` with the product of the CSR matrix and `x`."""
    cdef Affinities matrix = borrow(indptr, indices, data)
    expect("out", out.shape[0], matrix.n_rows)
    if indices.shape[0] == 0:
        out[:] = 0
        return
    expect_least("x", x.shape[0], 1)
    with nogil:
        c_matvec(
            matrix.n_rows, matrix.row_start, matrix.column, matrix.value, &x[0], &out[0],
            n_threads,
        )
