# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Kernels tabulated on grids, and the convolution of charges with them."""

from libc.stdint cimport int64_t

cdef extern from "kernels/kernel_table.hpp" namespace "tsnekit":
    void c_potential_table "tsnekit::potential_table"(
        int d, const int64_t* shape, double spacing, double dof, double cutoff, double* table,
        int threads,
    ) noexcept nogil
    void c_force_table "tsnekit::force_table"(
        int d, const int64_t* shape, double spacing, double dof, int axis, double* table,
        int threads,
    ) noexcept nogil

cdef extern from "kernels/fourier.hpp" namespace "tsnekit":
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

    int64_t c_workspace_size "tsnekit::workspace_size"(const Convolution& convolution) noexcept
    void c_convolve "tsnekit::convolve"(
        const Convolution& convolution, const float* charge, const float* spectrum,
        int64_t field_stride, float* field, float* workspace, int threads,
    ) noexcept nogil

LANES = fourier_lanes


def potential_table(
    const int64_t[::1] shape, double spacing, double dof, double cutoff, double[::1] table,
    int n_threads,
):
    """Fill `table`, of that shape, with K(r) - K(cutoff) at node offsets from zero on."""
    with nogil:
        c_potential_table(
            <int>shape.shape[0], &shape[0], spacing, dof, cutoff, &table[0], n_threads,
        )


def force_table(
    const int64_t[::1] shape, double spacing, double dof, int axis, double[::1] table,
    int n_threads,
):
    """Fill `table`, of that shape, with the force's kernel along `axis` at node offsets."""
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

    def __init__(
        self, list radices, list twiddles, const int64_t[::1] strides, const int[::1] odd_axes,
    ):
        cdef const int[::1] radix
        cdef const float[:, ::1] twiddle
        self.borrowed = radices, twiddles, odd_axes
        self.convolution.d = <int>strides.shape[0]
        self.convolution.n_fields = <int>odd_axes.shape[0]
        self.convolution.odd_axis = &odd_axes[0]
        for c in range(self.convolution.d):
            radix = radices[c]
            twiddle = twiddles[c]
            self.convolution.axis[c].n = twiddle.shape[0]
            self.convolution.axis[c].n_radices = <int>radix.shape[0]
            self.convolution.axis[c].radices = &radix[0]
            self.convolution.axis[c].twiddle = &twiddle[0, 0]
            self.convolution.stride[c] = strides[c]

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
        with nogil:
            c_convolve(
                self.convolution, &charge[0], &spectrum[0], fields.shape[1], &fields[0, 0],
                &workspace[0], n_threads,
            )
