#include "kernels/grid/fourier.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>

#include "kernels/grid/fourier_lines.hpp"
#include "kernels/simd/quad.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr int lanes = fourier_lanes;
constexpr index_t element = 2 * lanes;  // floats of one complex element in the workspace

// Scratch lines for each worker of a call, up to the longest of the axes.
class Scratch {
 public:
  Scratch(const Convolution& c, int threads) {
    for (int axis = 0; axis < c.d; ++axis) longest_ = std::max(longest_, c.axis[axis].n);
    const auto floats = static_cast<std::size_t>(std::max(threads, 1)) * lines_each * size() + lanes;
    memory_.reset(new float[floats]);
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    constexpr std::uintptr_t cache_line = lanes * sizeof(float);
    aligned_ = memory_.get() + (cache_line - address % cache_line) % cache_line / sizeof(float);
  }

  // One of the worker's lines.
  Lines lines(int worker, int which) const {
    float* start = aligned_ + (worker * lines_each + which) * static_cast<index_t>(size());
    // Real and imaginary parts are placed apart, so that they do not compete for the same cache
    // sets.
    return {start, start + longest_ * lanes + lanes, lanes};
  }

 private:
  static constexpr int lines_each = 4;
  std::size_t size() const { return static_cast<std::size_t>(2 * (longest_ + 1) * lanes); }

  index_t longest_ = 0;
  std::unique_ptr<float[]> memory_;
  float* aligned_ = nullptr;
};

// The first axis is real. Its transform runs over `lanes` pairs of columns at a time. Its
// frequencies then become the lanes. The workspace of a 3-D grid is [frequency / lanes][second
// axis][last axis][re, im][lanes]. The workspace of a 2-D grid is the same without the second axis.
struct Layout {
  FourierPlan first;
  FourierPlan middle;        // of length 1 if there is no axis between the first and the last
  FourierPlan last;
  index_t last_stride;       // elements from one index of the middle axis to the next
  index_t columns;           // elements that the first axis runs over
  index_t frequency_blocks;  // of the first axis
  index_t block_elements;    // elements of one block of frequencies

  explicit Layout(const Convolution& c) {
    first = c.axis[0];
    middle = c.d > 2 ? c.axis[1] : FourierPlan{1, 0, nullptr, nullptr};
    last = c.axis[c.d - 1];
    last_stride = c.stride[c.d - 2];
    columns = c.stride[0];
    frequency_blocks = tsnekit::frequency_blocks(c);
    block_elements = tsnekit::block_elements(c);
  }
};

void transpose(const float* from, index_t from_stride, float* to, index_t to_stride) {
  for (int k = 0; k < lanes; k += 4) {
    for (int l = 0; l < lanes; l += 4) {
      const float* source = from + k * from_stride + l;
      Quad a = load_quad(source);
      Quad b = load_quad(source + from_stride);
      Quad c = load_quad(source + 2 * from_stride);
      Quad d = load_quad(source + 3 * from_stride);
      transpose_quads(a, b, c, d);
      float* target = to + l * to_stride + k;
      store_quad(target, a);
      store_quad(target + to_stride, b);
      store_quad(target + 2 * to_stride, c);
      store_quad(target + 3 * to_stride, d);
    }
  }
}

// The forward transform along the first axis. Two real columns make one complex line.
void forward_first(const Layout& layout, const float* charge, float* work, const Scratch& scratch,
                   int threads) {
  const index_t n = layout.first.n;
  for_blocks(layout.columns, element, threads, [&](index_t, index_t begin, index_t end, int worker) {
    const Lines a = scratch.lines(worker, 0);
    const Lines b = scratch.lines(worker, 1);
    const Lines z = scratch.lines(worker, 2);
    // The charges are only read.
    Lines x{const_cast<float*>(charge) + begin, const_cast<float*>(charge) + begin + lanes,
            layout.columns};
    if (end - begin < element) {
      x = z;
      for (index_t i = 0; i < n / 2; ++i) {
        const float* row = charge + i * layout.columns + begin;
        for (int l = 0; l < lanes; ++l) x.re[i * x.stride + l] = row[l];
        std::fill(x.im + i * x.stride, x.im + i * x.stride + lanes, 0.0f);
      }
    }
    forward_lines<lanes>(layout.first, x, z, a, b);
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

// The inverse transform along the first axis, from the workspace into the field.
void inverse_first(const Layout& layout, const float* work, float* field, const Scratch& scratch,
                   int threads) {
  const index_t n = layout.first.n;
  for_blocks(layout.columns, element, threads, [&](index_t, index_t begin, index_t end, int worker) {
    const Lines a = scratch.lines(worker, 0);
    const Lines b = scratch.lines(worker, 1);
    const Lines z = scratch.lines(worker, 2);
    const bool whole = end - begin == element;
    alignas(64) float tile[4][lanes][lanes] = {};
    for (index_t block = 0; block < layout.frequency_blocks; ++block) {
      const float* from = work + (block * layout.block_elements + begin) * element;
      for (int part = 0; part < (whole ? 4 : 2); ++part) {
        transpose(from + (part / 2) * lanes * element + (part % 2) * lanes, element, tile[part][0],
                  lanes);
      }
      const index_t count = std::min<index_t>(lanes, n / 2 + 1 - block * lanes);
      for (index_t k = 0; k < count; ++k) {
        const index_t plus = block * lanes + k;
        const index_t minus = plus ? n - plus : 0;
        const float* ar = tile[0][k];
        const float* ai = tile[1][k];
        const float* br = tile[2][k];
        const float* bi = tile[3][k];
        for (int l = 0; l < lanes; ++l) {
          z.re[minus * lanes + l] = ar[l] + bi[l];
          z.im[minus * lanes + l] = br[l] - ai[l];
        }
        for (int l = 0; l < lanes; ++l) {
          z.re[plus * lanes + l] = ar[l] - bi[l];
          z.im[plus * lanes + l] = br[l] + ai[l];
        }
      }
    }
    float* rows = field + begin;
    if (whole) {
      inverse_lines<lanes>(layout.first, z, {rows, rows + lanes, layout.columns}, a, b);
      return;
    }
    inverse_lines<lanes>(layout.first, z, z, a, b);
    for (index_t i = 0; i < n / 2; ++i) {
      std::copy(z.re + i * lanes, z.re + (i + 1) * lanes, rows + i * layout.columns);
    }
  });
}

// The transform along the middle axis of a 3-D grid, in place.
template <bool Inverse>
void middle(const Layout& layout, float* work, const Scratch& scratch, int threads) {
  const index_t n = layout.middle.n;
  const index_t columns = layout.last.n / 2;
  for_blocks(layout.frequency_blocks * columns, 16, threads,
             [&](index_t, index_t begin, index_t end, int worker) {
               const Lines a = scratch.lines(worker, 0);
               const Lines b = scratch.lines(worker, 1);
               for (index_t line = begin; line < end; ++line) {
                 const index_t start =
                     line / columns * layout.block_elements + line % columns;
                 float* data = work + start * element;
                 const Lines x{data, data + lanes, layout.last_stride * element};
                 if (Inverse) {
                   inverse_lines<lanes>(layout.middle, x, x, a, b);
                 } else {
                   forward_lines<lanes>(layout.middle, x, x, a, b);
                 }
               }
             });
}

// Sets `to` to `from` times a spectrum: real for an even kernel, imaginary for an odd one.
template <int L>
void multiply(index_t n, Lines from, const float* spectrum, bool odd, bool odd_along_line,
              float sign, Lines to) {
  for (index_t j = 0; j < n; ++j) {
    const bool mirrored = 2 * j > n;
    const float* s = spectrum + (mirrored ? n - j : j) * L;
    const float factor = odd_along_line && mirrored ? -sign : sign;
    const float* fr = from.re + j * L;
    const float* fi = from.im + j * L;
    float* tr = to.re + j * L;
    float* ti = to.im + j * L;
    for (int l = 0; l < L; ++l) {
      const float re = fr[l];
      const float im = fi[l];
      const float k = factor * s[l];
      tr[l] = odd ? -k * im : k * re;
      ti[l] = odd ? k * re : k * im;
    }
  }
}

// Along the last axis: the forward transform, the product with the kernels' spectra, the inverse.
void filter_last(const Convolution& c, const Layout& layout, const float* spectrum, float* work,
                 index_t work_stride, const Scratch& scratch, int threads) {
  const index_t n = layout.last.n;
  const index_t kernel_size = spectrum_size(c);
  const index_t lines = layout.frequency_blocks * layout.middle.n;
  for_blocks(lines, 1, threads, [&](index_t line, index_t, index_t, int worker) {
    const Lines a = scratch.lines(worker, 0);
    const Lines b = scratch.lines(worker, 1);
    const Lines z = scratch.lines(worker, 2);
    const Lines product = c.n_fields > 1 ? scratch.lines(worker, 3) : z;
    const index_t block = line / layout.middle.n;
    const index_t m = line % layout.middle.n;
    const bool mirrored = 2 * m > layout.middle.n;
    const index_t quadrant =
        block * (layout.middle.n / 2 + 1) + (mirrored ? layout.middle.n - m : m);
    float* data = work + (block * layout.block_elements + m * layout.last_stride) * element;
    forward_lines<lanes>(layout.last, {data, data + lanes, element}, z, a, b);
    for (int f = 0; f < c.n_fields; ++f) {
      const int odd_axis = c.odd_axis[f];
      const float sign = mirrored && odd_axis == 1 && c.d > 2 ? -1.0f : 1.0f;
      multiply<lanes>(n, z, spectrum + f * kernel_size + quadrant * (n / 2 + 1) * lanes,
                      odd_axis >= 0, odd_axis == c.d - 1, sign, product);
      float* to = data + f * work_stride;
      inverse_lines<lanes>(layout.last, product, {to, to + lanes, element}, a, b);
      std::fill(to + n / 2 * element, to + layout.last_stride * element, 0.0f);
    }
  });
}

// A 1-D grid is one line.
void convolve_line(const Convolution& c, const float* charge, const float* spectrum,
                   index_t field_stride, float* field, float* work) {
  const FourierPlan& plan = c.axis[0];
  const index_t n = plan.n;
  const Lines a{work, work + n, 1};
  const Lines b{work + 2 * n, work + 3 * n, 1};
  const Lines z{work + 4 * n, work + 5 * n, 1};
  for (int f = 0; f < c.n_fields; ++f) {
    std::copy(charge, charge + n / 2, a.re);
    std::fill(a.im, a.im + n / 2, 0.0f);
    forward_lines<1>(plan, a, z, b, a);
    const bool odd = c.odd_axis[f] >= 0;
    multiply<1>(n, z, spectrum + f * spectrum_size(c), odd, odd, 1.0f, z);
    inverse_lines<1>(plan, z, z, a, b);
    std::copy(z.re, z.re + n / 2, field + f * field_stride);
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
  threads = static_cast<int>(std::min<index_t>(threads, layout.columns));
  const Scratch scratch(c, threads);
  const index_t work_stride = layout.frequency_blocks * layout.block_elements * element;
  forward_first(layout, charge, workspace, scratch, threads);
  if (c.d > 2) middle<false>(layout, workspace, scratch, threads);
  filter_last(c, layout, spectrum, workspace, work_stride, scratch, threads);
  for (int f = 0; f < c.n_fields; ++f) {
    float* work = workspace + f * work_stride;
    if (c.d > 2) middle<true>(layout, work, scratch, threads);
    inverse_first(layout, work, field + f * field_stride, scratch, threads);
  }
}

}  // namespace tsnekit::TSNEKIT_ISA
