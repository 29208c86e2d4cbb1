# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""A sparse matrix times a vector."""

from libc.stdint cimport int32_t, int64_t

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
    if indices.shape[0] == 0:
        out[:] = 0
        return
    with nogil:
        c_matvec(
            out.shape[0], &indptr[0], &indices[0], &data[0], &x[0], &out[0], n_threads,
        )
