# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Points on regular grids: spreading their charges, gathering fields, and exact pairs."""

from libc.stdint cimport int64_t
from .shapes cimport expect, expect_dimensions, expect_least, expect_rows

cdef extern from "kernels/grid/grid.hpp" namespace "tsnekit":
    const int difference_taps
    const int max_grid_width

    struct Grid:
        int d
        int width
        int step
        const float* weight
        float corner[3]
        float inverse_cell
        float shift
        int64_t cells[3]
        int64_t stride[3]

    struct Normalization:
        double scale
        double constant
        const float* own

    void c_spread_charges "tsnekit::spread_charges"(
        const Grid& grid, int64_t n, const float* y, float* scratch, int64_t size, float* charge,
        int threads,
    ) except + nogil
    void c_difference_fields "tsnekit::difference_fields"(
        const Grid& grid, const int64_t* nodes, const float* tap, int64_t field_stride,
        float* field, int threads,
    ) except + nogil
    double c_gather_fields "tsnekit::gather_fields"(
        const Grid& grid, int64_t n, const float* y, const float* field, int64_t field_stride,
        const Normalization& normalization, float* out, double* row_z, int threads,
    ) except + nogil

cdef extern from "kernels/grid/pairs.hpp" namespace "tsnekit":
    void c_add_pairs "tsnekit::add_pairs"(
        int64_t n_rows, const int64_t* rows, int d, const float* y, int64_t m,
        const float* source, int64_t own, double dof, float* out, double* row_z, int threads,
    ) except + nogil

cdef extern from "kernels/points/bounds.hpp" namespace "tsnekit":
    void c_point_bounds "tsnekit::point_bounds"(
        int64_t n, int d, const float* y, float* lower, float* upper, int threads,
    ) except + nogil

N_TAPS = difference_taps


def point_bounds(const float[:, ::1] Y, float[::1] lower, float[::1] upper, int n_threads):
    """Fill `lower` and `upper` with the smallest and largest coordinate per axis."""
    expect_least("Y", Y.shape[0], 1)
    expect_dimensions(<int>Y.shape[1], 3)
    expect("lower", lower.shape[0], Y.shape[1])
    expect("upper", upper.shape[0], Y.shape[1])
    with nogil:
        c_point_bounds(
            Y.shape[0], <int>Y.shape[1], &Y[0, 0], &lower[0], &upper[0], n_threads,
        )


cdef class PointGrid:
    """Where a grid lies, and how points are attached to its nodes.

    Parameters
    ----------
    weight : float32 array of shape (width, width)
        Coefficients of a stencil's weights by powers of the offset from the cell's centre, in
        cells.
    step : int
        Nodes from one cell to the next.
    shift : float
        Added to positions, in cells.
    corner : float32 array of shape (d,)
        Lower corner of the first cell.
    cell : float
        Side of a cell.
    cells, strides : int64 arrays of shape (d,)
        Number of cells, and the node array's strides in elements, of which the last is 1.
    """

    cdef Grid grid
    cdef const float[:, ::1] weight
    cdef int64_t nodes

    def __init__(
        self, const float[:, ::1] weight, int step, double shift, const float[::1] corner,
        double cell, const int64_t[::1] cells, const int64_t[::1] strides,
    ):
        expect_dimensions(<int>corner.shape[0], 3)
        expect("cells", cells.shape[0], corner.shape[0])
        expect("strides", strides.shape[0], corner.shape[0])
        expect_rows(
            "weight", weight.shape[0], weight.shape[1], weight.shape[1], weight.shape[1]
        )
        if not 1 <= weight.shape[0] <= max_grid_width or step < 1:
            raise ValueError(
                f"a stencil must be 1 to {max_grid_width} nodes wide and step at least 1 node, "
                f"got {weight.shape[0]} and {step}"
            )
        if not cell > 0:
            raise ValueError(f"cell must be greater than 0, got {cell}")
        self.weight = weight
        self.grid.d = <int>corner.shape[0]
        self.grid.width = <int>weight.shape[0]
        self.grid.step = step
        self.grid.weight = &weight[0, 0]
        self.grid.inverse_cell = <float>(1.0 / cell)
        self.grid.shift = <float>shift
        for c in range(self.grid.d):
            self.grid.corner[c] = corner[c]
            self.grid.cells[c] = cells[c]
            self.grid.stride[c] = strides[c]
            if cells[c] < 1 or strides[c] < 1:
                raise ValueError("cells and strides must be at least 1")
        if strides[self.grid.d - 1] != 1:
            raise ValueError(f"the last stride must be 1, got {strides[self.grid.d - 1]}")
        # Four weights are worked on at a time, so that some lie beyond the last node of the
        # stencil.
        cdef object nodes = 1 + -weight.shape[0] % 4  # an object, which cannot overflow
        for c in range(self.grid.d):
            nodes += ((<object>cells[c] - 1) * step + weight.shape[0] - 1) * strides[c]
        self.nodes = nodes

    def spread(
        self, const float[:, ::1] Y, float[:, ::1] scratch, float[::1] charge, int n_threads
    ):
        """Set `charge` to the points' unit charges; `scratch` has the shape of `Y`."""
        self.expect_points(Y)
        expect_rows("scratch", scratch.shape[0], scratch.shape[1], Y.shape[0], self.grid.d)
        expect_least("charge", charge.shape[0], self.nodes)
        if Y.shape[0] == 0:
            charge[:] = 0
            return
        with nogil:
            c_spread_charges(
                self.grid, Y.shape[0], &Y[0, 0], &scratch[0, 0], charge.shape[0], &charge[0],
                n_threads,
            )

    def differentiate(
        self, const int64_t[::1] nodes, const float[::1] taps, float[:, ::1] fields, int n_threads
    ):
        """Set fields 1 to d to differences of field 0 along each axis.

        They are sum_t taps[t - 1] * (t nodes on - t nodes back), for N_TAPS taps; so many nodes
        are left alone at each border.
        """
        cdef object size = 1  # an object, which cannot overflow
        expect("nodes", nodes.shape[0], self.grid.d)
        expect("taps", taps.shape[0], difference_taps)
        expect("fields", fields.shape[0], self.grid.d + 1)
        for c in range(self.grid.d):
            if nodes[c] < 1:
                raise ValueError(f"nodes must be at least 1, got {nodes[c]}")
            size += (<object>nodes[c] - 1) * self.grid.stride[c]
        if self.grid.d == 3 and self.grid.stride[0] != nodes[1] * self.grid.stride[1]:
            # The kernel uses one number for a row of the first two axes.
            raise ValueError("the planes of the node array must follow each other without a gap")
        expect_least("each field", fields.shape[1], size)
        with nogil:
            c_difference_fields(
                self.grid, &nodes[0], &taps[0], fields.shape[1], &fields[0, 0], n_threads,
            )

    def gather(
        self, const float[:, ::1] Y, const float[:, ::1] fields, double scale, double constant,
        const float[::1] own, float[:, ::1] out, double[::1] row_z, int n_threads,
    ):
        """Fill `out` with forces and `row_z`, unless None, with scale * potential + constant.

        `fields` (d + 1, size) are the potential and each component of the force. `own`, where
        points do not act on themselves, is the potential of a point's own charge, (width,) * d
        coefficients by powers of the squared offsets from the cell's centre; else None. Returns
        the sum of `row_z`.
        """
        cdef Normalization normalization
        cdef double total
        cdef double* z = &row_z[0] if row_z is not None else NULL
        self.expect_points(Y)
        expect("fields", fields.shape[0], self.grid.d + 1)
        expect_least("each field", fields.shape[1], self.nodes)
        expect_rows("out", out.shape[0], out.shape[1], Y.shape[0], self.grid.d)
        if row_z is not None:
            expect("row_z", row_z.shape[0], Y.shape[0])
        if own is not None:
            expect("own", own.shape[0], self.grid.width ** self.grid.d)
        if Y.shape[0] == 0:
            return 0.0
        normalization.scale = scale
        normalization.constant = constant
        normalization.own = &own[0] if own is not None else NULL
        with nogil:
            total = c_gather_fields(
                self.grid, Y.shape[0], &Y[0, 0], &fields[0, 0], fields.shape[1], normalization,
                &out[0, 0], z, n_threads,
            )
        return total

    cdef int expect_points(self, const float[:, ::1] Y) except -1:
        return expect_rows("Y", Y.shape[0], Y.shape[1], Y.shape[0], self.grid.d)


def add_pairs(
    const int64_t[::1] rows, const float[:, ::1] Y, const float[:, ::1] sources, int64_t own,
    double dof, float[:, ::1] out, double[::1] row_z, int n_threads,
):
    """Add the exact forces of `sources`, given as (d, m), on some rows, and their Z_i.

    Row i of `Y` is source own + i, and does not meet it. If `own` is -1, the rows are no sources.
    """
    cdef int64_t row
    expect_dimensions(<int>Y.shape[1], 3)
    expect("sources", sources.shape[0], Y.shape[1])
    if own != -1 and not 0 <= own <= sources.shape[1] - Y.shape[0]:
        raise ValueError(
            f"own must be -1 or from 0 to {sources.shape[1] - Y.shape[0]}, got {own}"
        )
    expect_rows("out", out.shape[0], out.shape[1], Y.shape[0], Y.shape[1])
    expect("row_z", row_z.shape[0], Y.shape[0])
    for row in rows:
        if not 0 <= row < Y.shape[0]:
            raise ValueError(f"rows must be from 0 to {Y.shape[0] - 1}, got {row}")
    if rows.shape[0] == 0 or sources.shape[1] == 0:
        return
    with nogil:
        c_add_pairs(
            rows.shape[0], &rows[0], <int>Y.shape[1], &Y[0, 0], sources.shape[1],
            &sources[0, 0], own, dof, &out[0, 0], &row_z[0], n_threads,
        )
