# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Points and affinities in the order of a space-filling curve."""

from affinities cimport Affinities, borrow
from libc.stdint cimport int32_t, int64_t
from shapes cimport expect, expect_indices, expect_least, expect_rows

cdef extern from "kernels/reorder.hpp" namespace "tsnekit":
    void c_curve_order "tsnekit::curve_order"(
        int64_t n, int d, const float* y, int32_t* order, int threads,
    ) except + nogil
    void c_permute_affinities "tsnekit::permute_affinities"(
        const Affinities& p, const int32_t* order, int64_t* row_start, int32_t* column,
        float* value, int threads,
    ) except + nogil
    void c_gather_rows "tsnekit::gather_rows"(
        int64_t n, int d, const float* y, const int32_t* order, float* out, int threads,
    ) noexcept nogil


def curve_order(const float[:, ::1] Y, int32_t[::1] order, int n_threads):
    """Fill `order` with the rows of `Y` along a Morton curve; ties keep their order."""
    expect("order", order.shape[0], Y.shape[0])
    if Y.shape[0] == 0:
        return
    if Y.shape[1] == 0:
        raise ValueError("points must have at least 1 dimension")
    with nogil:
        c_curve_order(Y.shape[0], <int>Y.shape[1], &Y[0, 0], &order[0], n_threads)


def permute_affinities(
    const int64_t[::1] indptr, const int32_t[::1] indices, const float[::1] data,
    const int32_t[::1] order, int64_t[::1] new_indptr, int32_t[::1] new_indices,
    float[::1] new_data, int n_threads,
):
    """Fill the new arrays with rows, and columns, in the given order."""
    cdef Affinities p = borrow(indptr, indices, data)
    cdef int64_t size = 0
    cdef Py_ssize_t r
    expect("order", order.shape[0], p.n_rows)
    expect("new_indptr", new_indptr.shape[0], p.n_rows + 1)
    if p.column == NULL or p.n_rows == 0:
        new_indptr[:] = 0
        return
    expect_indices("order", &order[0], p.n_rows, 0, p.n_rows)
    for r in range(p.n_rows):
        size += indptr[order[r] + 1] - indptr[order[r]]
    expect_least("new_indices", new_indices.shape[0], size)
    expect_least("new_data", new_data.shape[0], size)
    with nogil:
        c_permute_affinities(
            p, &order[0], &new_indptr[0], &new_indices[0], &new_data[0], n_threads,
        )


def gather_rows(
    const float[:, ::1] Y, const int32_t[::1] order, float[:, ::1] out, int n_threads,
):
    """Fill row r of `out` with row order[r] of `Y`."""
    expect("order", order.shape[0], Y.shape[0])
    expect_rows("out", out.shape[0], out.shape[1], Y.shape[0], Y.shape[1])
    if Y.shape[0] == 0 or Y.shape[1] == 0:
        return
    expect_indices("order", &order[0], order.shape[0], 0, Y.shape[0])
    with nogil:
        c_gather_rows(Y.shape[0], <int>Y.shape[1], &Y[0, 0], &order[0], &out[0, 0], n_threads)
