# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Kernels tabulated on grids, and the convolution of charges with them."""

from libc.stdint cimport int64_t, uintptr_t
from .shapes cimport expect, expect_dimensions, expect_least, expect_rows

cdef extern from "kernels/grid/kernel_table.hpp" namespace "tsnekit":
    void c_potential_table "tsnekit::potential_table"(
        int d, const int64_t* shape, double spacing, double dof, double cutoff, double* table,
        int threads,
    ) except + nogil
    void c_force_table "tsnekit::force_table"(
        int d, const int64_t* shape, double spacing, double dof, int axis, double* table,
        int threads,
    ) except + nogil

cdef extern from "kernels/grid/fourier.hpp" namespace "tsnekit":
    const int fourier_lanes

    struct FourierPlan:
        int64_t n
        int n_radices
        const int* radices
        const float* twiddle

    struct Convolution:
        int d
        FourierPlan axis[3]
        int64_t stride[3]
        int n_fields
        const int* odd_axis

    int64_t c_spectrum_size "tsnekit::spectrum_size"(const Convolution& convolution) noexcept
    int64_t c_workspace_size "tsnekit::workspace_size"(const Convolution& convolution) noexcept
    void c_convolve "tsnekit::convolve"(
        const Convolution& convolution, const float* charge, const float* spectrum,
        int64_t field_stride, float* field, float* workspace, int threads,
    ) except + nogil

LANES = fourier_lanes


cdef int expect_table(const int64_t[::1] shape, const double[::1] table) except -1:
    cdef object size = 1  # an object, which cannot overflow
    expect_dimensions(<int>shape.shape[0], 3)
    for c in range(shape.shape[0]):
        size *= shape[c]
        expect_least("each axis of a table", shape[c], 1)
    return expect("table", table.shape[0], size)


cdef int expect_line(str name, uintptr_t start) except -1:
    """Raise a ValueError unless an array begins on a cache line."""
    if start % (fourier_lanes * sizeof(float)):
        raise ValueError(f"{name} must begin on a cache line")
    return 0


def potential_table(
    const int64_t[::1] shape, double spacing, double dof, double cutoff, double[::1] table,
    int n_threads,
):
    """Fill `table`, of that shape, with K(r) - K(cutoff) at node offsets from zero on."""
    expect_table(shape, table)
    with nogil:
        c_potential_table(
            <int>shape.shape[0], &shape[0], spacing, dof, cutoff, &table[0], n_threads,
        )


def force_table(
    const int64_t[::1] shape, double spacing, double dof, int axis, double[::1] table,
    int n_threads,
):
    """Fill `table`, of that shape, with the force's kernel along `axis` at node offsets."""
    expect_table(shape, table)
    if not 0 <= axis < shape.shape[0]:
        raise ValueError(f"axis must be from 0 to {shape.shape[0] - 1}, got {axis}")
    with nogil:
        c_force_table(
            <int>shape.shape[0], &shape[0], spacing, dof, axis, &table[0], n_threads,
        )


cdef class GridConvolution:
    """Convolves charges on a grid with even or odd kernels.

    Parameters
    ----------
    radices : list of int32 arrays
        Per axis, radices whose product is the even length of the transform; the first is even.
        The grid has half as many nodes.
    twiddles : list of float32 arrays of shape (length, 2)
        Cosines and sines of 2 pi k / length.
    strides : int64 array of shape (d,)
        Strides of the node arrays in elements.
    odd_axes : int32 array of shape (n_fields,)
        Axis along which each kernel is odd, or -1.
    """

    cdef Convolution convolution
    cdef object borrowed
    cdef int64_t nodes

    def __init__(
        self, list radices, list twiddles, const int64_t[::1] strides, const int[::1] odd_axes,
    ):
        cdef const int[::1] radix
        cdef const float[:, ::1] twiddle
        cdef object product
        expect_dimensions(<int>strides.shape[0], 3)
        expect("radices", len(radices), strides.shape[0])
        expect("twiddles", len(twiddles), strides.shape[0])
        expect_least("odd_axes", odd_axes.shape[0], 1)
        for c in range(odd_axes.shape[0]):
            if not -1 <= odd_axes[c] < strides.shape[0]:
                raise ValueError(f"odd_axes must be -1 or an axis, got {odd_axes[c]}")
        self.borrowed = radices, twiddles, odd_axes
        self.convolution.d = <int>strides.shape[0]
        self.convolution.n_fields = <int>odd_axes.shape[0]
        self.convolution.odd_axis = &odd_axes[0]
        for c in range(self.convolution.d):
            radix = radices[c]
            twiddle = twiddles[c]
            product = 1
            for r in range(radix.shape[0]):
                product *= radix[r]
                if not 2 <= radix[r] <= 6 or radix[0] % 2:
                    raise ValueError("radices must be 2 to 6, and the first one even")
            expect_least("radices of an axis", radix.shape[0], 1)
            expect_rows("twiddles of an axis", twiddle.shape[0], twiddle.shape[1], product, 2)
            self.convolution.axis[c].n = twiddle.shape[0]
            self.convolution.axis[c].n_radices = <int>radix.shape[0]
            self.convolution.axis[c].radices = &radix[0]
            self.convolution.axis[c].twiddle = &twiddle[0, 0]
            self.convolution.stride[c] = strides[c]
        cdef object nodes = 1  # an object, which cannot overflow
        for c in range(self.convolution.d - 1, -1, -1):
            if strides[c] < nodes or (c < self.convolution.d - 1 and strides[c] % LANES):
                raise ValueError("strides must hold whole rows that begin on cache lines")
            nodes = (<object>strides[c]) * (self.convolution.axis[c].n // 2)
        self.nodes = nodes

    @property
    def workspace_size(self):
        """Number of floats of the workspace."""
        return c_workspace_size(self.convolution)

    def __call__(
        self, const float[::1] charge, const float[::1] spectrum, float[:, ::1] fields,
        float[::1] workspace, int n_threads,
    ):
        """Fill `fields` (n_fields, size) with the charges convolved with each kernel.

        All arrays begin on a cache line.
        """
        cdef int64_t n_fields = self.convolution.n_fields
        expect_least("charge", charge.shape[0], self.nodes)
        expect("spectrum", spectrum.shape[0], n_fields * c_spectrum_size(self.convolution))
        expect("fields", fields.shape[0], n_fields)
        expect_least("each field", fields.shape[1], self.nodes)
        expect_least("workspace", workspace.shape[0], c_workspace_size(self.convolution))
        if self.convolution.d > 1:
            expect_line("charge", <uintptr_t>&charge[0])
            expect_line("spectrum", <uintptr_t>&spectrum[0])
            expect_line("fields", <uintptr_t>&fields[0, 0])
            expect_line("each field", <uintptr_t>&fields[n_fields - 1, 0])
            expect_line("workspace", <uintptr_t>&workspace[0])
        with nogil:
            c_convolve(
                self.convolution, &charge[0], &spectrum[0], fields.shape[1], &fields[0, 0],
                &workspace[0], n_threads,
            )
