# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Barnes-Hut repulsion."""

cimport cython
from libc.math cimport sqrt
from libc.stdint cimport int64_t
from .shapes cimport expect, expect_dimensions, expect_rows

cdef extern from "kernels/tree/barnes_hut.hpp" namespace "tsnekit":
    cdef cppclass Tree:
        int64_t n_nodes

    cdef cppclass BarnesHutBuffers:
        pass

    struct RowRange:
        int64_t first
        int64_t last

    void c_build_tree "tsnekit::build_tree"(
        Tree& tree, const float* y, int64_t n, int d, float limit, int leaf_size, int threads,
    ) except + nogil
    double c_barnes_hut "tsnekit::barnes_hut"(
        const Tree& source, const Tree& target, int d, double dof, double theta, RowRange rows,
        float* out, double* row_z, BarnesHutBuffers& buffers, int threads,
    ) except + nogil

cdef enum:
    LEAF_SIZE = 8


@cython.final
cdef class BarnesHut:
    """Repulsion by trees that are rebuilt in place; not to be called from two threads at once.

    Parameters
    ----------
    n_components : int
        1, 2 or 3.
    dof, theta : float
    n_threads : int
    reference : float32 array (m, d), optional
        Points that exert the forces; their tree is built here, once.
    """

    cdef Tree source, target
    cdef BarnesHutBuffers buffers
    cdef int d, n_threads
    cdef double dof, theta
    cdef float limit
    cdef bint has_reference

    def __init__(
        self, int n_components, double dof, double theta, int n_threads,
        const float[:, ::1] reference=None,
    ):
        expect_dimensions(n_components, 3)
        self.d = n_components
        self.dof = dof
        self.theta = theta
        self.n_threads = max(1, n_threads)
        # Neither the square of a distance nor its quotient by dof may overflow.
        self.limit = 1e18 * min(1.0, sqrt(dof))
        self.has_reference = reference is not None
        if self.has_reference:
            self.build(self.source, reference)

    cdef int build(self, Tree& tree, const float[:, ::1] points) except -1:
        cdef int64_t n = points.shape[0]
        expect_rows("points", n, points.shape[1], n, self.d)
        cdef const float* y = &points[0, 0] if n else NULL
        with nogil:
            c_build_tree(tree, y, n, self.d, self.limit, LEAF_SIZE, self.n_threads)
        return 0

    def __call__(self, const float[:, ::1] Y, float[:, ::1] out, double[::1] row_z=None):
        """Fill `out` with the forces and `row_z` with the Z_i; return their sum."""
        expect("out", out.shape[0], Y.shape[0])
        return self.fill_rows(Y, 0, out, row_z)

    def fill_rows(
        self, const float[:, ::1] Y, int64_t first, float[:, ::1] out, double[::1] row_z=None
    ):
        """Do the same for as many rows of `Y` as `out` has, from row `first` on."""
        cdef RowRange rows
        rows.first = first
        rows.last = first + out.shape[0]
        expect_rows("out", out.shape[0], out.shape[1], out.shape[0], self.d)
        if not 0 <= first <= Y.shape[0] - out.shape[0]:
            raise ValueError(
                f"first must be from 0 to {Y.shape[0] - out.shape[0]}, got {first}"
            )
        if row_z is not None:
            expect("row_z", row_z.shape[0], out.shape[0])
        if out.shape[0] == 0:
            return 0.0
        cdef double* z = NULL
        if row_z is not None:
            z = &row_z[0]
        cdef double total
        self.build(self.target, Y)
        cdef Tree* source = &self.source if self.has_reference else &self.target
        with nogil:
            total = c_barnes_hut(
                source[0], self.target, self.d, self.dof, self.theta, rows, &out[0, 0], z,
                self.buffers, self.n_threads,
            )
        return total
