// Convolution of a charge grid with even or odd kernels by fast Fourier transforms.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// Frequencies (and columns) that are transformed side by side, one vector register wide.
constexpr int fourier_lanes = 16;

// The transform's lengths are products of 2, 3 and 5 and hold the nodes at least once; what lies
// beyond the nodes counts as zero. A 1-D grid has its only axis last.
struct Convolution {
  int d;
  index_t nodes[3];
  index_t padded[3];
  index_t stride[3];        // of charges and fields, in elements; stride[d - 1] is 1
  const float* twiddle[3];  // (padded, 2): cosine and sine of 2 pi k / padded
  int n_fields;
  const int* odd_axis;      // per field, the axis along which its kernel is odd, or -1
};

// Blocks of frequencies of the first axis, of which half suffice as it is real.
inline index_t frequency_blocks(const Convolution& c) {
  return (c.padded[0] / 2 + fourier_lanes) / fourier_lanes;
}

// Number of floats of the spectrum of one kernel.
inline index_t spectrum_size(const Convolution& c) {
  if (c.d == 1) return c.padded[0] / 2 + 1;
  index_t size = frequency_blocks(c) * fourier_lanes;
  for (int axis = 1; axis < c.d; ++axis) size *= c.padded[axis] / 2 + 1;
  return size;
}

// Complex elements of the workspace for one field and one block of frequencies.
inline index_t block_elements(const Convolution& c) {
  return (c.d > 2 ? c.padded[1] * c.stride[1] : c.stride[0]) + 2 * fourier_lanes;
}

// Number of floats of the workspace.
inline index_t workspace_size(const Convolution& c) {
  if (c.d == 1) return 6 * c.padded[0];
  return c.n_fields * frequency_blocks(c) * block_elements(c) * 2 * fourier_lanes;
}

// Sets each of the fields (field_stride apart) at the nodes to charge convolved with its kernel.
// `spectrum` holds per field the kernel's transform over the non-negative frequencies of each axis
// divided by the number of padded nodes, real, where an odd kernel's imaginary unit is left out:
// [first axis / lanes][other axes ...][lanes], or [first axis] for a 1-D grid.
TSNEKIT_DECLARE(void, convolve, const Convolution& convolution, const float* charge,
                const float* spectrum, index_t field_stride, float* field, float* workspace,
                int threads)

}  // namespace tsnekit
