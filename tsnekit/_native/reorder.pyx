# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Points in the order of a space-filling curve."""

from libc.stdint cimport int32_t, int64_t
from .shapes cimport expect, expect_indices, expect_rows

cdef extern from "kernels/points/order.hpp" namespace "tsnekit":
    void c_curve_order "tsnekit::curve_order"(
        int64_t n, int d, const float* y, int32_t* order, int threads,
    ) except + nogil
    void c_gather_rows "tsnekit::gather_rows"(
        int64_t n, int d, const float* y, const int32_t* order, float* out, int threads,
    ) except + nogil


def curve_order(const float[:, ::1] Y, int32_t[::1] order, int n_threads):
    """Fill `order` with the rows of `Y` along a Morton curve; ties keep their order."""
    expect("order", order.shape[0], Y.shape[0])
    if Y.shape[0] == 0:
        return
    if Y.shape[1] == 0:
        raise ValueError("points must have at least 1 dimension")
    with nogil:
        c_curve_order(Y.shape[0], <int>Y.shape[1], &Y[0, 0], &order[0], n_threads)


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
