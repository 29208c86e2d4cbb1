# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Attraction: the part of the gradient, and of the KL divergence, that runs over P."""

from .affinities cimport Affinities, borrow
from libc.stdint cimport int32_t, int64_t
from .shapes cimport expect, expect_rows

cdef extern from "kernels/descent/attraction.hpp" namespace "tsnekit":
    void c_attraction "tsnekit::attraction"(
        const Affinities& p, int d, const float* y, const float* target, double dof,
        double exaggeration, const double* z, bint z_per_row, float* out, double* row_logs,
        int threads,
    ) except + nogil
    void c_attraction_cost "tsnekit::attraction_cost"(
        const Affinities& p, int d, const float* y, const float* target, double dof,
        double* row_cost, int threads,
    ) except + nogil


cdef int expect_points(
    const Affinities& p, const float[:, ::1] Y, const float[:, ::1] targets
) except -1:
    expect("indptr", p.n_rows + 1, Y.shape[0] + 1)
    expect_rows("targets", targets.shape[0], targets.shape[1], targets.shape[0], Y.shape[1])
    if targets.shape[0] == 0 or Y.shape[1] == 0:
        raise ValueError("there must be points to attract, in at least one dimension")
    return 0


def gradient_from_repulsion(
    const int64_t[::1] indptr, const int32_t[::1] indices, const float[::1] data,
    const float[:, ::1] Y, const float[:, ::1] targets, double dof, double exaggeration,
    const double[::1] Z, float[:, ::1] out, int n_threads, double[::1] row_logs=None,
):
    """Turn the repulsive forces in `out` into the gradient, in place.

    `Z` has one entry, or one per row of `Y`. If `row_logs` is given, it is filled with
    sum_j p_ij dof log(1 + |y_i - t_j|^2 / dof).
    """
    if Y.shape[0] == 0:
        return
    cdef Affinities p = borrow(indptr, indices, data)
    expect_points(p, Y, targets)
    expect_rows("out", out.shape[0], out.shape[1], Y.shape[0], Y.shape[1])
    if Z.shape[0] != 1:
        expect("Z", Z.shape[0], Y.shape[0])
    cdef double* logs = NULL
    if row_logs is not None:
        expect("row_logs", row_logs.shape[0], Y.shape[0])
        logs = &row_logs[0]
    with nogil:
        c_attraction(
            p, <int>Y.shape[1], &Y[0, 0], &targets[0, 0], dof, exaggeration,
            &Z[0], Z.shape[0] > 1, &out[0, 0], logs, n_threads,
        )


def attraction_cost(
    const int64_t[::1] indptr, const int32_t[::1] indices, const float[::1] data,
    const float[:, ::1] Y, const float[:, ::1] targets, double dof,
    double[::1] row_cost, int n_threads,
):
    """Fill `row_cost` with sum_j p_ij (log p_ij + dof log(1 + |y_i - t_j|^2 / dof))."""
    if Y.shape[0] == 0:
        return
    cdef Affinities p = borrow(indptr, indices, data)
    expect_points(p, Y, targets)
    expect("row_cost", row_cost.shape[0], Y.shape[0])
    with nogil:
        c_attraction_cost(
            p, <int>Y.shape[1], &Y[0, 0], &targets[0, 0], dof, &row_cost[0], n_threads,
        )
