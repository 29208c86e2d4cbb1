#include "kernels/update.hpp"

#include <cmath>

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 4096;
constexpr float gain_increase = 0.2f;
constexpr float gain_decrease = 0.8f;
constexpr float min_gain = 0.01f;

template <int D>
float norm(const float* row, int d) {
  double sum = 0.0;
  for (int c = 0; c < (D ? D : d); ++c) sum += static_cast<double>(row[c]) * row[c];
  return static_cast<float>(std::sqrt(sum));
}

template <int D>
void momentum_step_rows(index_t first, index_t last, int d, float* y, const float* gradient,
                        float* update, float* gains, const Step& step) {
  const int dims = D ? D : d;
  const bool clip_gradient = std::isfinite(step.max_grad_norm);
  const bool clip_step = std::isfinite(step.max_step_norm);
  for (index_t i = first; i < last; ++i) {
    const float* g = gradient + i * dims;
    float* u = update + i * dims;
    float* gain = gains + i * dims;
    float shrink = 1.0f;
    if (clip_gradient) {
      const float length = norm<D>(g, d);
      if (length > step.max_grad_norm) shrink = step.max_grad_norm / length;
    }
    for (int c = 0; c < dims; ++c) {
      const float gc = g[c] * shrink;
      const bool same_sign = (u[c] > 0.0f && gc > 0.0f) || (u[c] < 0.0f && gc < 0.0f);
      const float next = same_sign ? gain[c] * gain_decrease : gain[c] + gain_increase;
      gain[c] = next < min_gain ? min_gain : next;
      u[c] = step.momentum * u[c] - step.learning_rate * gain[c] * gc;
    }
    if (clip_step) {
      const float length = norm<D>(u, d);
      if (length > step.max_step_norm) {
        const float scale = step.max_step_norm / length;
        for (int c = 0; c < dims; ++c) u[c] *= scale;
      }
    }
    for (int c = 0; c < dims; ++c) y[i * dims + c] += u[c];
  }
}

}  // namespace

void momentum_step(index_t n, int d, float* y, const float* gradient, float* update, float* gains,
                   const Step& step, int threads) {
  for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    with_dimension(d, [&](auto dimension) {
      momentum_step_rows<decltype(dimension)::value>(first, last, d, y, gradient, update, gains,
                                                     step);
    });
  });
}

void center(index_t n, int d, float* y, double* mean, int threads) {
  for (int c = 0; c < d; ++c) {
    mean[c] = sum_blocks(n, block_rows, threads, [&](index_t first, index_t last) {
      double sum = 0.0;
      for (index_t i = first; i < last; ++i) sum += y[i * d + c];
      return sum;
    });
    mean[c] /= static_cast<double>(n);
  }
  for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    for (index_t i = first; i < last; ++i) {
      for (int c = 0; c < d; ++c) y[i * d + c] -= static_cast<float>(mean[c]);
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
