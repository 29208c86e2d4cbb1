#include "kernels/grid_stencil.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_points = 1024;

template <int N>
float dot(const float* a, const float* b) {
  float sum = 0.0f;
  for (int k = 0; k < N; ++k) sum += a[k] * b[k];
  return sum;
}

// The field, at a point, of the point's own charge: value in [0], gradient per axis (in weights'
// own units) in [1:]. By symmetry only the weights' correlations at each distance are needed.
template <int D, int P, bool Gradient>
void self_field(const float* kernel, const float (*w)[Basis<P>::lanes],
                const float (*dw)[Basis<P>::lanes], float* result) {
  float value[D][P];
  float slope[D][P];
  for (int c = 0; c < D; ++c) {
    for (int distance = 0; distance < P; ++distance) {
      float v = 0.0f;
      float g = 0.0f;
      for (int k = 0; k + distance < P; ++k) {
        v += w[c][k] * w[c][k + distance];
        if (Gradient) g += dw[c][k] * w[c][k + distance] + w[c][k] * dw[c][k + distance];
      }
      value[c][distance] = distance ? 2.0f * v : v;
      slope[c][distance] = distance ? g : 0.5f * g;
    }
  }
  constexpr int nb = D > 1 ? P : 1;
  constexpr int nc = D > 2 ? P : 1;
  for (int m = 0; m <= (Gradient ? D : 0); ++m) result[m] = 0.0f;
  for (int a = 0; a < P; ++a) {
    for (int b = 0; b < nb; ++b) {
      for (int c = 0; c < nc; ++c) {
        const float k = kernel[(a * nb + b) * nc + c];
        const float v0 = value[0][a];
        const float v1 = D > 1 ? value[D > 1 ? 1 : 0][b] : 1.0f;
        const float v2 = D > 2 ? value[D > 2 ? 2 : 0][c] : 1.0f;
        result[0] += k * v0 * v1 * v2;
        if (Gradient) {
          result[1] += k * slope[0][a] * v1 * v2;
          if constexpr (D > 1) result[2] += k * v0 * slope[1][b] * v2;
          if constexpr (D > 2) result[3] += k * v0 * v1 * slope[2][c];
        }
      }
    }
  }
}

// One point by the gradient of the potential: value in [0], gradient per axis in [1:].
template <int D, int P>
void gradient_at(const Grid& grid, const Basis<P>& basis, const float* y, const float* field,
                 const float* self, float* result) {
  constexpr int lanes = Basis<P>::lanes;
  float s[D];
  const float* corner = field + find_stencil<D>(grid, y, s);
  float w[D][lanes];
  float dw[D][lanes];
  for (int c = 0; c < D; ++c) {
    basis.weights(s[c], w[c]);
    basis.slopes(s[c], dw[c]);
  }
  // Summed over the leading axes: plain, and with the slope along each leading axis.
  float sum[D][lanes] = {};
  for_stencil<D, P>(grid, [&](int a, int b, index_t offset) {
    const float* node = corner + offset;
    const float w0 = D > 1 ? w[0][a] : 1.0f;
    const float w1 = D > 2 ? w[1 % D][b] : 1.0f;
    for (int k = 0; k < lanes; ++k) sum[0][k] += w0 * w1 * node[k];
    if constexpr (D > 1) {
      for (int k = 0; k < lanes; ++k) sum[1][k] += dw[0][a] * w1 * node[k];
    }
    if constexpr (D > 2) {
      for (int k = 0; k < lanes; ++k) sum[2][k] += w0 * dw[1][b] * node[k];
    }
  });
  result[0] = dot<lanes>(w[D - 1], sum[0]);
  for (int c = 0; c < D - 1; ++c) result[1 + c] = dot<lanes>(w[D - 1], sum[1 + c]);
  result[D] = dot<lanes>(dw[D - 1], sum[0]);
  if (self != nullptr) {
    float own[D + 1];
    self_field<D, P, true>(self, w, dw, own);
    for (int m = 0; m <= D; ++m) result[m] -= own[m];
  }
}

// One point where each component is a field of its own.
template <int D, int P>
void components_at(const Grid& grid, const Basis<P>& basis, const float* y, const float* field,
                   index_t field_stride, const float* self, float* result) {
  constexpr int lanes = Basis<P>::lanes;
  float s[D];
  const float* corner = field + find_stencil<D>(grid, y, s);
  float w[D][lanes];
  for (int c = 0; c < D; ++c) basis.weights(s[c], w[c]);
  float sum[D + 1][lanes] = {};
  for_stencil<D, P>(grid, [&](int a, int b, index_t offset) {
    float factor = 1.0f;
    if constexpr (D > 1) factor *= w[0][a];
    if constexpr (D > 2) factor *= w[1][b];
    for (int m = 0; m <= D; ++m) {
      const float* node = corner + m * field_stride + offset;
      for (int k = 0; k < lanes; ++k) sum[m][k] += factor * node[k];
    }
  });
  for (int m = 0; m <= D; ++m) result[m] = dot<lanes>(w[D - 1], sum[m]);
  if (self != nullptr) {
    float own[1];
    self_field<D, P, false>(self, w, w, own);
    result[0] -= own[0];
  }
}

// Runs at(i, result) for every point and turns result into its force and Z_i.
template <int D, class At>
double gather(index_t n, double force_scale, const Potential& potential, float* out, double* row_z,
              int threads, At&& at) {
  const float factor = static_cast<float>(force_scale);
  const double total =
      sum_blocks(n, block_points, threads, [&](index_t begin, index_t end) {
        double sum = 0.0;
        for (index_t i = begin; i < end; ++i) {
          float result[D + 1];
          at(i, result);
          for (int c = 0; c < D; ++c) out[i * D + c] = factor * result[1 + c];
          sum += result[0];
          if (row_z != nullptr) row_z[i] = potential.scale * result[0] + potential.constant;
        }
        return sum;
      });
  return potential.scale * total + potential.constant * static_cast<double>(n);
}

}  // namespace

double gather_gradient(const Grid& grid, index_t n, const float* y, const float* field,
                       const Potential& potential, float* out, double* row_z, int threads) {
  return with_stencil(grid, [&](auto dimension, auto width) {
    constexpr int D = decltype(dimension)::value;
    constexpr int P = decltype(width)::value;
    const Basis<P> basis(grid);
    const double force_scale = -0.5 * potential.scale * grid.inverse_cell;
    return gather<D>(n, force_scale, potential, out, row_z, threads,
                     [&](index_t i, float* result) {
                       gradient_at<D, P>(grid, basis, y + i * D, field, potential.self, result);
                     });
  });
}

double gather_components(const Grid& grid, index_t n, const float* y, const float* field,
                         index_t field_stride, const Potential& potential, float* out,
                         double* row_z, int threads) {
  return with_stencil(grid, [&](auto dimension, auto width) {
    constexpr int D = decltype(dimension)::value;
    constexpr int P = decltype(width)::value;
    const Basis<P> basis(grid);
    return gather<D>(n, 1.0, potential, out, row_z, threads, [&](index_t i, float* result) {
      components_at<D, P>(grid, basis, y + i * D, field, field_stride, potential.self, result);
    });
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
