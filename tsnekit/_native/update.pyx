# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Moving the points: the optimizer's step, and recentering."""

from libc.stdint cimport int64_t
from .shapes cimport expect, expect_rows

cdef extern from "kernels/descent/update.hpp" namespace "tsnekit":
    struct Step:
        float learning_rate
        float momentum
        float max_grad_norm
        float max_step_norm

    void c_momentum_step "tsnekit::momentum_step"(
        int64_t n, int d, float* y, float* gradient, float* update, float* gains,
        const Step& step, int threads,
    ) except + nogil
    void c_center "tsnekit::center"(
        int64_t n, int d, float* y, double* mean, int threads,
    ) except + nogil


def momentum_step(
    float[:, ::1] Y, float[:, ::1] gradient, float[:, ::1] update, float[:, ::1] gains,
    float learning_rate, float momentum, float max_grad_norm, float max_step_norm, int n_threads,
):
    """Move `Y` by one step in place, and with it `update` and `gains`; `gradient` may be clipped.

    The norms are infinity where there is no bound.
    """
    expect_rows("gradient", gradient.shape[0], gradient.shape[1], Y.shape[0], Y.shape[1])
    expect_rows("update", update.shape[0], update.shape[1], Y.shape[0], Y.shape[1])
    expect_rows("gains", gains.shape[0], gains.shape[1], Y.shape[0], Y.shape[1])
    if Y.shape[0] == 0 or Y.shape[1] == 0:
        return
    cdef Step step
    step.learning_rate = learning_rate
    step.momentum = momentum
    step.max_grad_norm = max_grad_norm
    step.max_step_norm = max_step_norm
    with nogil:
        c_momentum_step(
            Y.shape[0], <int>Y.shape[1], &Y[0, 0], &gradient[0, 0], &update[0, 0], &gains[0, 0],
            step, n_threads,
        )


def center(float[:, ::1] Y, double[::1] mean, int n_threads):
    """Subtract the mean of the rows in place; `mean` (d,) receives it."""
    expect("mean", mean.shape[0], Y.shape[1])
    if Y.shape[0] == 0 or Y.shape[1] == 0:
        return
    with nogil:
        c_center(Y.shape[0], <int>Y.shape[1], &Y[0, 0], &mean[0], n_threads)
