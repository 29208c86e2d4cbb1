#include "kernels/attraction.hpp"

#include "fastmath.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 256;

template <int D>
float squared_distance(const float* a, const float* b, int d) {
  float sum = 0.0f;
  for (int c = 0; c < (D ? D : d); ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return sum;
}

// sum_j p_j w_j (y - t_j) of one row, into force[0:D]; a vector over the row's neighbors.
template <int D>
void row_force(const Affinities& p, index_t begin, index_t end, const float* y,
               const float* target, float inverse_dof, float* force) {
  const std::int32_t* column = p.column + begin;
  const float* value = p.value + begin;
  const int count = static_cast<int>(end - begin);
  const float y0 = y[0];
  const float y1 = D > 1 ? y[1] : 0.0f;
  const float y2 = D > 2 ? y[2] : 0.0f;
  float f0 = 0.0f, f1 = 0.0f, f2 = 0.0f;
#pragma omp simd reduction(+ : f0, f1, f2)
  for (int k = 0; k < count; ++k) {
    const float* t = target + static_cast<index_t>(column[k]) * D;
    const float x0 = y0 - t[0];
    const float x1 = D > 1 ? y1 - t[D > 1 ? 1 : 0] : 0.0f;
    const float x2 = D > 2 ? y2 - t[D > 2 ? 2 : 0] : 0.0f;
    const float pull = value[k] / (1.0f + (x0 * x0 + x1 * x1 + x2 * x2) * inverse_dof);
    f0 += pull * x0;
    if (D > 1) f1 += pull * x1;
    if (D > 2) f2 += pull * x2;
  }
  force[0] = f0;
  if (D > 1) force[1] = f1;
  if (D > 2) force[2] = f2;
}

void row_force_any(const Affinities& p, index_t begin, index_t end, int d, const float* y,
                   const float* target, float inverse_dof, float* force) {
  std::fill(force, force + d, 0.0f);
  for (index_t k = begin; k < end; ++k) {
    const float* t = target + static_cast<index_t>(p.column[k]) * d;
    const float pull = p.value[k] / (1.0f + squared_distance<0>(y, t, d) * inverse_dof);
    for (int c = 0; c < d; ++c) force[c] += pull * (y[c] - t[c]);
  }
}

template <int D>
void attraction_d(const Affinities& p, int d, const float* y, const float* target, double dof,
                  double exaggeration, const double* z, bool z_per_row, float* out, int threads) {
  const int dims = D ? D : d;
  const float inverse_dof = static_cast<float>(1.0 / dof);
  const float scale = static_cast<float>(exaggeration);
  for_blocks(p.n_rows, block_rows, threads, [&](index_t, index_t first, index_t last) {
    std::vector<float> force(static_cast<std::size_t>(dims));
    for (index_t i = first; i < last; ++i) {
      const float* yi = y + i * dims;
      if constexpr (D == 0) {
        row_force_any(p, p.row_start[i], p.row_start[i + 1], d, yi, target, inverse_dof,
                      force.data());
      } else {
        row_force<D>(p, p.row_start[i], p.row_start[i + 1], yi, target, inverse_dof, force.data());
      }
      const float inverse_z = static_cast<float>(1.0 / z[z_per_row ? i : 0]);
      float* gradient = out + i * dims;
      for (int c = 0; c < dims; ++c) gradient[c] = scale * force[c] - gradient[c] * inverse_z;
    }
  });
}

template <int D>
void attraction_cost_d(const Affinities& p, int d, const float* y, const float* target, double dof,
                       double* row_cost, int threads) {
  const int dims = D ? D : d;
  const float exponent = static_cast<float>(dof);
  const float inverse_dof = static_cast<float>(1.0 / dof);
  for_blocks(p.n_rows, block_rows, threads, [&](index_t, index_t first, index_t last) {
    for (index_t i = first; i < last; ++i) {
      const std::int32_t* column = p.column + p.row_start[i];
      const float* value = p.value + p.row_start[i];
      const int count = static_cast<int>(p.row_start[i + 1] - p.row_start[i]);
      float cost = 0.0f;
#pragma omp simd reduction(+ : cost)
      for (int k = 0; k < count; ++k) {
        const float* t = target + static_cast<index_t>(column[k]) * dims;
        const float distance = squared_distance<D>(y + i * dims, t, dims) * inverse_dof;
        cost += value[k] * (fast_log(value[k]) + exponent * fast_log(1.0f + distance));
      }
      row_cost[i] = cost;
    }
  });
}

}  // namespace

void attraction(const Affinities& p, int d, const float* y, const float* target, double dof,
                double exaggeration, const double* z, bool z_per_row, float* out, int threads) {
  with_dimension(d, [&](auto dimension) {
    attraction_d<decltype(dimension)::value>(p, d, y, target, dof, exaggeration, z, z_per_row, out,
                                             threads);
  });
}

void attraction_cost(const Affinities& p, int d, const float* y, const float* target, double dof,
                     double* row_cost, int threads) {
  with_dimension(d, [&](auto dimension) {
    attraction_cost_d<decltype(dimension)::value>(p, d, y, target, dof, row_cost, threads);
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
