# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""From conditional weights of neighbors to a sparse matrix with sorted rows."""

from libc.stdint cimport int32_t, int64_t
from .shapes cimport expect, expect_least, expect_rows

cdef extern from "kernels/affinities/symmetrize.hpp" namespace "tsnekit":
    struct ConditionalWeights:
        int64_t n_rows
        int k
        const int32_t* neighbor
        const float* weight

    enum class Symmetrization(int):
        mean
        max

    bint c_symmetrize "tsnekit::symmetrize"(
        const ConditionalWeights& w, Symmetrization how, int64_t* row_start, int32_t* column,
        float* value, int threads,
    ) except + nogil
    bint c_sort_rows "tsnekit::sort_rows"(
        const ConditionalWeights& w, int64_t n_columns, double scale, int32_t* column,
        float* value, int threads,
    ) except + nogil


cdef ConditionalWeights borrow(
    const int32_t[:, ::1] indices, const float[:, ::1] weights
) except *:
    cdef ConditionalWeights w
    expect_rows(
        "weights", weights.shape[0], weights.shape[1], indices.shape[0], indices.shape[1]
    )
    if indices.shape[0] == 0 or indices.shape[1] == 0:
        raise ValueError("there must be rows, each with at least 1 neighbor")
    w.n_rows = indices.shape[0]
    w.k = <int>indices.shape[1]
    w.neighbor = &indices[0, 0]
    w.weight = &weights[0, 0]
    return w


def symmetrize(
    const int32_t[:, ::1] indices, const float[:, ::1] weights, bint use_max,
    int64_t[::1] indptr, int32_t[::1] out_indices, float[::1] out_data, int n_threads,
):
    """Fill `indptr` (n + 1,) and the first ``indptr[-1]`` of 2 n k entries with P, summing to 1.

    Returns False where an index is not below n.
    """
    cdef ConditionalWeights w = borrow(indices, weights)
    cdef Symmetrization how = Symmetrization.max if use_max else Symmetrization.mean
    cdef int64_t most = 2 * w.n_rows * w.k
    cdef bint valid
    expect("indptr", indptr.shape[0], w.n_rows + 1)
    expect_least("out_indices", out_indices.shape[0], most)
    expect_least("out_data", out_data.shape[0], most)
    with nogil:
        valid = c_symmetrize(w, how, &indptr[0], &out_indices[0], &out_data[0], n_threads)
    return valid


def sort_rows(
    const int32_t[:, ::1] indices, const float[:, ::1] weights, int64_t n_columns, double scale,
    int32_t[::1] out_indices, float[::1] out_data, int n_threads,
):
    """Fill the outputs (n k,) with the rows sorted by index, and their weights times `scale`.

    Returns False where an index is not below `n_columns`.
    """
    cdef ConditionalWeights w = borrow(indices, weights)
    cdef bint valid
    expect("out_indices", out_indices.shape[0], w.n_rows * w.k)
    expect("out_data", out_data.shape[0], w.n_rows * w.k)
    with nogil:
        valid = c_sort_rows(w, n_columns, scale, &out_indices[0], &out_data[0], n_threads)
    return valid
