# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Affinities in an order of their points, in 5 bytes an entry."""

from .affinities cimport Affinities, borrow
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from .shapes cimport expect, expect_indices, expect_rows

import numpy as np

cdef extern from "kernels/descent/affinities.hpp" namespace "tsnekit":
    struct Compact "tsnekit::CompactAffinities":
        int64_t n_rows
        const int64_t* row_start
        const uint32_t* word
        const uint8_t* tail

cdef extern from "kernels/descent/compact.hpp" namespace "tsnekit":
    void c_compact_affinities "tsnekit::compact_affinities"(
        const Affinities& p, const int32_t* rows, int64_t n_columns, const int32_t* order,
        int64_t* row_start, uint32_t* word, uint8_t* tail, int threads,
    ) except + nogil

cdef extern from "kernels/descent/attraction.hpp" namespace "tsnekit":
    void c_compact_attraction "tsnekit::compact_attraction"(
        const Compact& p, int d, const float* y, const float* target, double dof,
        double exaggeration, double z, const int32_t* order, float* out, double* row_logs,
        int threads,
    ) except + nogil

MOST_POINTS = 2**24
"""Columns have 24 bits."""


cdef class CompactAffinities:
    """A matrix in an order of its rows and columns, with values to within 2^-9 of themselves.

    Its arrays are its own, so that its columns are within bounds. It has no entries until it is
    filled.

    Parameters
    ----------
    n_rows, n_columns, n_entries : int
        Shape, and the number of entries that there is memory for.
    """

    cdef int64_t n_columns
    cdef int64_t[::1] row_start
    cdef uint32_t[::1] word
    cdef uint8_t[::1] tail

    def __init__(self, int64_t n_rows, int64_t n_columns, int64_t n_entries):
        if not 0 <= n_columns <= MOST_POINTS:
            raise ValueError(f"there must be at most {MOST_POINTS} columns, got {n_columns}")
        self.n_columns = n_columns
        self.row_start = np.zeros(<object>n_rows + 1, dtype=np.int64)
        self.word = np.empty(n_entries, dtype=np.uint32)
        self.tail = np.empty(n_entries, dtype=np.uint8)

    def arrays(self):
        """Return row starts, words and tails, read-only; see kernels/descent/compact_entry.hpp."""
        arrays = np.asarray(self.row_start), np.asarray(self.word), np.asarray(self.tail)
        for array in arrays:
            array.setflags(write=False)
        return arrays

    def fill(
        self, const int64_t[::1] indptr, const int32_t[::1] indices, const float[::1] data,
        const int32_t[::1] rows, const int32_t[::1] order, int n_threads,
    ):
        """Take the rows of a CSR matrix in the order `rows`, and its columns in another order."""
        cdef Affinities p = borrow(indptr, indices, data)
        cdef int64_t size = 0
        cdef Py_ssize_t r
        expect("indptr", indptr.shape[0], self.row_start.shape[0])
        expect("rows", rows.shape[0], p.n_rows)
        expect("order", order.shape[0], self.n_columns)
        if p.n_rows == 0 or self.n_columns == 0 or p.column == NULL:
            self.row_start[:] = 0
            return
        expect_indices("rows", &rows[0], p.n_rows, 0, p.n_rows)
        expect_indices("order", &order[0], self.n_columns, 0, self.n_columns)
        expect_indices(
            "indices", p.column + indptr[0], indptr[p.n_rows] - indptr[0], 0, self.n_columns,
        )
        for r in range(p.n_rows):
            size += indptr[rows[r] + 1] - indptr[rows[r]]
        if size > self.word.shape[0]:
            raise ValueError(f"there is memory for {self.word.shape[0]} entries, got {size}")
        with nogil:
            c_compact_affinities(
                p, &rows[0], self.n_columns, &order[0], &self.row_start[0], &self.word[0],
                &self.tail[0], n_threads,
            )

    def gradient_from_repulsion(
        self, const float[:, ::1] Y, const float[:, ::1] targets, double dof,
        double exaggeration, double Z, const int32_t[::1] rows, float[:, ::1] out,
        int n_threads, double[::1] row_logs=None,
    ):
        """Turn the repulsive forces in `out` into the gradient, in place.

        Row i of this matrix and of `Y` is row rows[i] of `out`, and of `row_logs` if they are
        given; column c is row c of `targets`. See
        `tsnekit._native.attraction.gradient_from_repulsion`.
        """
        cdef Compact p
        p.n_rows = self.row_start.shape[0] - 1
        expect("Y", Y.shape[0], p.n_rows)
        expect_rows("targets", targets.shape[0], targets.shape[1], self.n_columns, Y.shape[1])
        expect("rows", rows.shape[0], p.n_rows)
        expect_rows("out", out.shape[0], out.shape[1], Y.shape[0], Y.shape[1])
        if p.n_rows == 0:
            return
        if Y.shape[1] == 0:
            raise ValueError("points must have at least 1 dimension")
        expect_indices("rows", &rows[0], p.n_rows, 0, p.n_rows)
        p.row_start = &self.row_start[0]
        p.word = &self.word[0] if self.word.shape[0] else NULL
        p.tail = &self.tail[0] if self.tail.shape[0] else NULL
        cdef const float* target = &targets[0, 0] if self.n_columns else NULL
        cdef double* logs = NULL
        if row_logs is not None:
            expect("row_logs", row_logs.shape[0], Y.shape[0])
            logs = &row_logs[0]
        with nogil:
            c_compact_attraction(
                p, <int>Y.shape[1], &Y[0, 0], target, dof, exaggeration, Z, &rows[0],
                &out[0, 0], logs, n_threads,
            )
