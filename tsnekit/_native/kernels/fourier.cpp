#include "kernels/fourier.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/fourier_lines.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr int lanes = fourier_lanes;
constexpr index_t element = 2 * lanes;  // floats of one complex element in the workspace

// Planes of scratch lines, kept by each thread from call to call.
Lines scratch_lines(std::size_t which, index_t floats) {
  thread_local std::array<std::vector<float>, 3> buffers;
  std::vector<float>& buffer = buffers[which];
  // The planes are set apart so that their elements do not compete for the same cache sets.
  const auto needed = static_cast<std::size_t>(2 * floats + 2 * lanes);
  if (buffer.size() < needed) buffer.resize(needed);
  const auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
  constexpr std::uintptr_t line = lanes * sizeof(float);
  float* aligned = buffer.data() + (line - address % line) % line / sizeof(float);
  return {aligned, aligned + floats + lanes};
}

// The first axis is real and runs over `lanes` pairs of columns at a time; its frequencies then
// become the lanes, and the workspace is [frequency / lanes][second axis][last axis][re, im][lanes]
// for a 3-D grid and the same without second axis for a 2-D one.
struct Layout {
  index_t frequency_blocks;  // of the first axis
  index_t middle_nodes;      // 1 where there is no second axis before the last
  index_t middle_padded;
  index_t last_nodes;
  index_t last_stride;       // elements from one index of the middle axis to the next
  index_t last_padded;
  index_t columns;           // elements of middle_nodes * last_stride
  index_t block_elements;    // elements of one block of frequencies

  explicit Layout(const Convolution& c) {
    frequency_blocks = tsnekit::frequency_blocks(c);
    middle_nodes = c.d > 2 ? c.nodes[1] : 1;
    middle_padded = c.d > 2 ? c.padded[1] : 1;
    last_nodes = c.nodes[c.d - 1];
    last_stride = c.d > 2 ? c.stride[1] : c.stride[0];
    last_padded = c.padded[c.d - 1];
    columns = middle_nodes * last_stride;
    block_elements = tsnekit::block_elements(c);
  }
};

void transpose(const float* from, index_t from_stride, float* to, index_t to_stride) {
  for (int l = 0; l < lanes; ++l) {
    for (int k = 0; k < lanes; ++k) to[l * to_stride + k] = from[k * from_stride + l];
  }
}

// Forward along the first axis, two real columns to one complex line.
void forward_first(const Convolution& c, const Layout& layout, const float* charge, float* work,
                   int threads) {
  const index_t n = c.padded[0];
  for_blocks(layout.columns, element, threads, [&](index_t, index_t begin, index_t end) {
    const Lines x = scratch_lines(0, n * lanes);
    const Lines y = scratch_lines(1, n * lanes);
    const index_t first = std::min<index_t>(lanes, end - begin);
    const index_t second = end - begin - first;
    if (second < lanes) {
      std::fill(x.re, x.re + n * lanes, 0.0f);
      std::fill(x.im, x.im + n * lanes, 0.0f);
    }
    for (index_t i = 0; i < c.nodes[0]; ++i) {
      const float* row = charge + i * c.stride[0] + begin;
      std::copy(row, row + first, x.re + i * lanes);
      std::copy(row + first, row + first + second, x.im + i * lanes);
    }
    std::fill(x.re + c.nodes[0] * lanes, x.re + n * lanes, 0.0f);
    std::fill(x.im + c.nodes[0] * lanes, x.im + n * lanes, 0.0f);
    const Lines z = fourier_lines<lanes, false>(n, c.twiddle[0], x, y);
    alignas(64) float tile[4][lanes][lanes];
    for (index_t block = 0; block < layout.frequency_blocks; ++block) {
      for (int k = 0; k < lanes; ++k) {
        const index_t plus = (block * lanes + k) % n;
        const index_t minus = plus ? n - plus : 0;
        const float* pr = z.re + plus * lanes;
        const float* pi = z.im + plus * lanes;
        const float* mr = z.re + minus * lanes;
        const float* mi = z.im + minus * lanes;
        for (int l = 0; l < lanes; ++l) {
          tile[0][k][l] = 0.5f * (pr[l] + mr[l]);
          tile[1][k][l] = 0.5f * (pi[l] - mi[l]);
          tile[2][k][l] = 0.5f * (pi[l] + mi[l]);
          tile[3][k][l] = 0.5f * (mr[l] - pr[l]);
        }
      }
      float* to = work + (block * layout.block_elements + begin) * element;
      for (int part = 0; part < 4; ++part) {
        transpose(tile[part][0], lanes, to + (part / 2) * lanes * element + (part % 2) * lanes,
                  element);
      }
    }
  });
}

// Back along the first axis, and out of the workspace.
void inverse_first(const Convolution& c, const Layout& layout, const float* work, float* field,
                   int threads) {
  const index_t n = c.padded[0];
  for_blocks(layout.columns, element, threads, [&](index_t, index_t begin, index_t end) {
    const Lines x = scratch_lines(0, n * lanes);
    const Lines y = scratch_lines(1, n * lanes);
    alignas(64) float tile[4][lanes][lanes];
    alignas(64) float tail[element * element] = {};
    for (index_t block = 0; block < layout.frequency_blocks; ++block) {
      const float* from = work + (block * layout.block_elements + begin) * element;
      if (end - begin < element) {
        std::copy(from, from + (end - begin) * element, tail);
        from = tail;
      }
      for (int part = 0; part < 4; ++part) {
        transpose(from + (part / 2) * lanes * element + (part % 2) * lanes, element, tile[part][0],
                  lanes);
      }
      const index_t last = std::min<index_t>(lanes, n / 2 + 1 - block * lanes);
      for (index_t k = 0; k < last; ++k) {
        const index_t plus = block * lanes + k;
        const index_t minus = plus ? n - plus : 0;
        const float* ar = tile[0][k];
        const float* ai = tile[1][k];
        const float* br = tile[2][k];
        const float* bi = tile[3][k];
        for (int l = 0; l < lanes; ++l) {
          x.re[minus * lanes + l] = ar[l] + bi[l];
          x.im[minus * lanes + l] = br[l] - ai[l];
        }
        for (int l = 0; l < lanes; ++l) {
          x.re[plus * lanes + l] = ar[l] - bi[l];
          x.im[plus * lanes + l] = br[l] + ai[l];
        }
      }
    }
    const Lines z = fourier_lines<lanes, true>(n, c.twiddle[0], x, y);
    const index_t first = std::min<index_t>(lanes, end - begin);
    const index_t second = end - begin - first;
    for (index_t i = 0; i < c.nodes[0]; ++i) {
      float* row = field + i * c.stride[0] + begin;
      std::copy(z.re + i * lanes, z.re + i * lanes + first, row);
      std::copy(z.im + i * lanes, z.im + i * lanes + second, row + first);
    }
  });
}

// In place along the middle axis of a 3-D grid.
template <bool Inverse>
void middle(const Convolution& c, const Layout& layout, float* work, int threads) {
  const index_t n = layout.middle_padded;
  const index_t step = layout.last_stride * element;
  const index_t in = Inverse ? n : layout.middle_nodes;
  const index_t out = Inverse ? layout.middle_nodes : n;
  const index_t lines = layout.frequency_blocks * layout.last_nodes;
  for_blocks(lines, 16, threads, [&](index_t, index_t begin, index_t end) {
    const Lines x = scratch_lines(0, n * lanes);
    const Lines y = scratch_lines(1, n * lanes);
    for (index_t line = begin; line < end; ++line) {
      const index_t block = line / layout.last_nodes;
      float* data =
          work + (block * layout.block_elements + line % layout.last_nodes) * element;
      for (index_t j = 0; j < in; ++j) {
        std::copy(data + j * step, data + j * step + lanes, x.re + j * lanes);
        std::copy(data + j * step + lanes, data + j * step + element, x.im + j * lanes);
      }
      std::fill(x.re + in * lanes, x.re + n * lanes, 0.0f);
      std::fill(x.im + in * lanes, x.im + n * lanes, 0.0f);
      const Lines z = fourier_lines<lanes, Inverse>(n, c.twiddle[1], x, y);
      for (index_t j = 0; j < out; ++j) {
        std::copy(z.re + j * lanes, z.re + (j + 1) * lanes, data + j * step);
        std::copy(z.im + j * lanes, z.im + (j + 1) * lanes, data + j * step + lanes);
      }
    }
  });
}

// to = from times an even kernel's spectrum (real) or an odd one's (imaginary).
template <int L>
void multiply(index_t n, Lines from, const float* spectrum, bool odd, bool odd_along_line,
              float sign, Lines to) {
  for (index_t j = 0; j < n; ++j) {
    const bool mirrored = 2 * j > n;
    const float* s = spectrum + (mirrored ? n - j : j) * L;
    const float factor = odd_along_line && mirrored ? -sign : sign;
    for (int l = 0; l < L; ++l) {
      const float re = from.re[j * L + l];
      const float im = from.im[j * L + l];
      const float k = factor * s[l];
      to.re[j * L + l] = odd ? -k * im : k * re;
      to.im[j * L + l] = odd ? k * re : k * im;
    }
  }
}

// Along the last axis: forward, times the kernels' spectra, and back.
void filter_last(const Convolution& c, const Layout& layout, const float* spectrum, float* work,
                 index_t work_stride, int threads) {
  const index_t n = layout.last_padded;
  const index_t lines = layout.frequency_blocks * layout.middle_padded;
  const index_t kernel_size = spectrum_size(c);
  for_blocks(lines, 1, threads, [&](index_t line, index_t, index_t) {
    const Lines x = scratch_lines(0, n * lanes);
    const Lines y = scratch_lines(1, n * lanes);
    const index_t block = line / layout.middle_padded;
    const index_t m = line % layout.middle_padded;
    const index_t start = (block * layout.block_elements + m * layout.last_stride) * element;
    const float* from = work + start;
    for (index_t j = 0; j < layout.last_nodes; ++j) {
      std::copy(from + j * element, from + j * element + lanes, x.re + j * lanes);
      std::copy(from + j * element + lanes, from + (j + 1) * element, x.im + j * lanes);
    }
    std::fill(x.re + layout.last_nodes * lanes, x.re + n * lanes, 0.0f);
    std::fill(x.im + layout.last_nodes * lanes, x.im + n * lanes, 0.0f);
    const Lines z = fourier_lines<lanes, false>(n, c.twiddle[c.d - 1], x, y);
    const Lines other = z.re == x.re ? y : x;
    const bool mirrored = 2 * m > layout.middle_padded;
    const index_t quadrant = block * (layout.middle_padded / 2 + 1) +
                             (mirrored ? layout.middle_padded - m : m);
    for (int f = 0; f < c.n_fields; ++f) {
      const int odd_axis = c.odd_axis[f];
      const float sign = mirrored && odd_axis == 1 && c.d > 2 ? -1.0f : 1.0f;
      const Lines product = scratch_lines(2, n * lanes);
      multiply<lanes>(n, z, spectrum + f * kernel_size + quadrant * (n / 2 + 1) * lanes,
                      odd_axis >= 0, odd_axis == c.d - 1, sign, product);
      const Lines back = fourier_lines<lanes, true>(n, c.twiddle[c.d - 1], product, other);
      float* to = work + f * work_stride + start;
      for (index_t j = 0; j < layout.last_nodes; ++j) {
        std::copy(back.re + j * lanes, back.re + (j + 1) * lanes, to + j * element);
        std::copy(back.im + j * lanes, back.im + (j + 1) * lanes, to + j * element + lanes);
      }
      std::fill(to + layout.last_nodes * element, to + layout.last_stride * element, 0.0f);
    }
  });
}

// A 1-D grid is one line.
void convolve_line(const Convolution& c, const float* charge, const float* spectrum,
                   index_t field_stride, float* field, float* work) {
  const index_t n = c.padded[0];
  const Lines x{work, work + n};
  const Lines y{work + 2 * n, work + 3 * n};
  const Lines product{work + 4 * n, work + 5 * n};
  std::copy(charge, charge + c.nodes[0], x.re);
  std::fill(x.re + c.nodes[0], x.re + n, 0.0f);
  std::fill(x.im, x.im + n, 0.0f);
  const Lines z = fourier_lines<1, false>(n, c.twiddle[0], x, y);
  const Lines other = z.re == x.re ? y : x;
  for (int f = 0; f < c.n_fields; ++f) {
    const bool odd = c.odd_axis[f] >= 0;
    multiply<1>(n, z, spectrum + f * spectrum_size(c), odd, odd, 1.0f, product);
    const Lines back = fourier_lines<1, true>(n, c.twiddle[0], product, other);
    std::copy(back.re, back.re + c.nodes[0], field + f * field_stride);
  }
}

}  // namespace

void convolve(const Convolution& c, const float* charge, const float* spectrum,
              index_t field_stride, float* field, float* workspace, int threads) {
  if (c.d == 1) {
    convolve_line(c, charge, spectrum, field_stride, field, workspace);
    return;
  }
  const Layout layout(c);
  const index_t work_stride = layout.frequency_blocks * layout.block_elements * element;
  forward_first(c, layout, charge, workspace, threads);
  if (c.d > 2) middle<false>(c, layout, workspace, threads);
  filter_last(c, layout, spectrum, workspace, work_stride, threads);
  for (int f = 0; f < c.n_fields; ++f) {
    float* work = workspace + f * work_stride;
    if (c.d > 2) middle<true>(c, layout, work, threads);
    inverse_first(c, layout, work, field + f * field_stride, threads);
  }
}

}  // namespace tsnekit::TSNEKIT_ISA
