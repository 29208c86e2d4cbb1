#include "kernels/descent/update.hpp"

#include <cmath>

#include "dimensions.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

// So few rows that a block stays in a core's cache from one pass over it to the next.
constexpr index_t block_rows = 2048;
constexpr float gain_increase = 0.2f;
constexpr float gain_decrease = 0.8f;
constexpr float min_gain = 0.01f;

// Shortens the rows that are longer than `longest`.
template <int D>
void clip_rows(index_t first, index_t last, int d, float* rows, double longest) {
  const int dims = D ? D : d;
  for (index_t i = first; i < last; ++i) {
    float* row = rows + i * dims;
    double squared = 0.0;
    for (int c = 0; c < dims; ++c) squared += static_cast<double>(row[c]) * row[c];
    if (squared > longest * longest) {
      const float scale = static_cast<float>(longest / std::sqrt(squared));
      for (int c = 0; c < dims; ++c) row[c] *= scale;
    }
  }
}

template <int D>
void momentum_step_rows(index_t first, index_t last, int d, float* __restrict y,
                        float* __restrict gradient, float* __restrict update,
                        float* __restrict gains, const Step& step) {
  const index_t begin = first * (D ? D : d), end = last * (D ? D : d);
  const float momentum = step.momentum, learning_rate = step.learning_rate;
  if (std::isfinite(step.max_grad_norm)) clip_rows<D>(first, last, d, gradient, step.max_grad_norm);
#pragma omp simd
  for (index_t e = begin; e < end; ++e) {
    const float u = update[e], g = gradient[e];
    const bool same_sign = ((u > 0.0f) & (g > 0.0f)) | ((u < 0.0f) & (g < 0.0f));
    const float next = same_sign ? gains[e] * gain_decrease : gains[e] + gain_increase;
    gains[e] = next < min_gain ? min_gain : next;
    update[e] = momentum * u - learning_rate * gains[e] * g;
  }
  if (std::isfinite(step.max_step_norm)) clip_rows<D>(first, last, d, update, step.max_step_norm);
#pragma omp simd
  for (index_t e = begin; e < end; ++e) y[e] += update[e];
}

// Rows that are added at once, so that the numbers added to each component are contiguous.
constexpr index_t rows_at_once = 16;

template <int D>
double component_sum(index_t first, index_t last, int d, const float* y, int c) {
  double sum = 0.0;
  index_t i = first;
  if constexpr (D > 0) {
    double lane[rows_at_once * D] = {};
    for (; i + rows_at_once <= last; i += rows_at_once) {
      const float* rows = y + i * D;
#pragma omp simd
      for (int e = 0; e < rows_at_once * D; ++e) lane[e] += rows[e];
    }
    for (index_t row = 0; row < rows_at_once; ++row) sum += lane[row * D + c];
  }
  for (; i < last; ++i) sum += y[i * (D ? D : d) + c];
  return sum;
}

template <int D>
void shift_rows(index_t first, index_t last, int d, float* y, const double* mean) {
  index_t i = first;
  if constexpr (D > 0) {
    float shift[rows_at_once * D];
    for (int e = 0; e < rows_at_once * D; ++e) shift[e] = static_cast<float>(mean[e % D]);
    for (; i + rows_at_once <= last; i += rows_at_once) {
      float* rows = y + i * D;
#pragma omp simd
      for (int e = 0; e < rows_at_once * D; ++e) rows[e] -= shift[e];
    }
  }
  const int dims = D ? D : d;
  for (; i < last; ++i) {
    for (int c = 0; c < dims; ++c) y[i * dims + c] -= static_cast<float>(mean[c]);
  }
}

}  // namespace

void momentum_step(index_t n, int d, float* y, float* gradient, float* update, float* gains,
                   const Step& step, int threads) {
  for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    with_dimension(d, [&](auto dimension) {
      momentum_step_rows<decltype(dimension)::value>(first, last, d, y, gradient, update, gains,
                                                     step);
    });
  });
}

void center(index_t n, int d, float* y, double* mean, int threads) {
  with_dimension(d, [&](auto dimension) {
    constexpr int D = decltype(dimension)::value;
    const int dims = D ? D : d;
    for (int c = 0; c < dims; ++c) {
      const double sum = sum_blocks(n, block_rows, threads, [&](index_t first, index_t last) {
        return component_sum<D>(first, last, d, y, c);
      });
      mean[c] = sum / static_cast<double>(n);
    }
    for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
      shift_rows<D>(first, last, d, y, mean);
    });
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
