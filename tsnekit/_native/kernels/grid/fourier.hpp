// Convolution of charges on a grid with even or odd kernels by fast Fourier transforms.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// Frequencies (and columns) that are transformed side by side, one vector register wide.
constexpr int fourier_lanes = 16;

// How lines of n elements are transformed. n is even, and it is the product of the radices (2 to
// 6). The first radix is even.
struct FourierPlan {
  index_t n;
  int n_radices;
  const int* radices;
  const float* twiddle;  // (n, 2): cosine and sine of 2 pi k / n
};

// Along each axis, the transform is twice as long as the grid. The second half counts as zero, so
// that a kernel does not reach around the grid.
struct Convolution {
  int d;
  FourierPlan axis[3];
  index_t stride[3];    // of charges and fields, in elements; stride[d - 1] is 1
  int n_fields;
  const int* odd_axis;  // per field, the axis along which its kernel is odd, or -1
};

// Blocks of frequencies of the first axis. Half of the frequencies suffice, because the axis is
// real.
inline index_t frequency_blocks(const Convolution& c) {
  return (c.axis[0].n / 2 + fourier_lanes) / fourier_lanes;
}

// Number of floats of the spectrum of one kernel.
inline index_t spectrum_size(const Convolution& c) {
  if (c.d == 1) return c.axis[0].n / 2 + 1;
  index_t size = frequency_blocks(c) * fourier_lanes;
  for (int a = 1; a < c.d; ++a) size *= c.axis[a].n / 2 + 1;
  return size;
}

// Complex elements of the workspace for one field and one block of frequencies.
inline index_t block_elements(const Convolution& c) {
  return (c.d > 2 ? c.axis[1].n * c.stride[1] : c.stride[0]) + 2 * fourier_lanes;
}

// Number of floats of the workspace.
inline index_t workspace_size(const Convolution& c) {
  if (c.d == 1) return 6 * c.axis[0].n;
  return c.n_fields * frequency_blocks(c) * block_elements(c) * 2 * fourier_lanes;
}

// Sets each of the fields (field_stride apart) to the charges convolved with its kernel. `spectrum`
// holds one spectrum per field: the kernel's transform over the non-negative frequencies of each
// axis, divided by the number of frequencies. It is real, because the imaginary unit of an odd
// kernel is left out. Its layout is [first axis / lanes][other axes ...][lanes], or [first axis]
// for a 1-D grid. If the grid has more than one dimension, all its arrays and the rows of the grid
// begin on a cache line.
TSNEKIT_DECLARE(void, convolve, const Convolution& convolution, const float* charge,
                const float* spectrum, index_t field_stride, float* field, float* workspace,
                int threads)

}  // namespace tsnekit
