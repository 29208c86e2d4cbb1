# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Gaussian weights of neighbors, with bandwidths calibrated to a perplexity."""

from libc.stdint cimport int32_t, int64_t
from .shapes cimport expect_least, expect_rows

cdef extern from "kernels/affinities/perplexity.hpp" namespace "tsnekit":
    int calibration_not_finite
    int calibration_unreachable
    int calibration_not_converged
    void c_calibrate "tsnekit::calibrate"(
        int64_t n, int k, const float* distances, int scales, const double* perplexities,
        bint mixture, float* weights, double* precision, int32_t* status, int threads,
    ) except + nogil
    void c_gaussian_weights "tsnekit::gaussian_weights"(
        int64_t n, int k, const float* distances, double precision, float* weights, int threads,
    ) except + nogil

NOT_FINITE = calibration_not_finite
UNREACHABLE = calibration_unreachable
NOT_CONVERGED = calibration_not_converged


def calibrate(
    const float[:, ::1] distances, const double[::1] perplexities, bint mixture,
    float[:, ::1] weights, double[:, ::1] precision, int32_t[:, ::1] status, int n_threads,
):
    """Fill `weights` (n, k), and `precision` and `status` (n, len(perplexities)).

    `status` is the number of evaluations that a row took, or one of the constants above.
    """
    cdef Py_ssize_t n = distances.shape[0], scales = perplexities.shape[0]
    expect_rows("weights", weights.shape[0], weights.shape[1], n, distances.shape[1])
    expect_rows("precision", precision.shape[0], precision.shape[1], n, scales)
    expect_rows("status", status.shape[0], status.shape[1], n, scales)
    expect_least("perplexities", scales, 1)
    if n == 0 or distances.shape[1] == 0:
        return
    with nogil:
        c_calibrate(
            n, <int>distances.shape[1], &distances[0, 0], <int>scales, &perplexities[0], mixture,
            &weights[0, 0], &precision[0, 0], &status[0, 0], n_threads,
        )


def gaussian_weights(
    const float[:, ::1] distances, double precision, float[:, ::1] weights, int n_threads,
):
    """Fill `weights` (n, k) with exp(-precision d^2), rows summing to 1; NaN where d is not finite.
    """
    expect_rows(
        "weights", weights.shape[0], weights.shape[1], distances.shape[0], distances.shape[1]
    )
    if distances.shape[0] == 0 or distances.shape[1] == 0:
        return
    with nogil:
        c_gaussian_weights(
            distances.shape[0], <int>distances.shape[1], &distances[0, 0], precision,
            &weights[0, 0], n_threads,
        )
