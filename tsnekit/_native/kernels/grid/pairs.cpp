#include "kernels/grid/pairs.hpp"

#include <cmath>

#include "dimensions.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

// Adds the forces of sources begin to end - 1 on one row to sums[0:D], and their Z to sums[D].
template <int D, bool UnitDof>
void add_sources(const float* y, index_t m, const float* source, index_t begin, index_t end,
                 double dof, double* sums) {
  const double inverse_dof = 1.0 / dof;
  const double y0 = y[0];
  const double y1 = D > 1 ? y[D > 1 ? 1 : 0] : 0.0;
  const double y2 = D > 2 ? y[D > 2 ? 2 : 0] : 0.0;
  const float* x0 = source;
  const float* x1 = source + (D > 1 ? m : 0);
  const float* x2 = source + (D > 2 ? 2 * m : 0);
  double f0 = 0.0, f1 = 0.0, f2 = 0.0, z = 0.0;
#pragma omp simd reduction(+ : f0, f1, f2, z)
  for (index_t j = begin; j < end; ++j) {
    const double d0 = y0 - x0[j];
    const double d1 = D > 1 ? y1 - x1[j] : 0.0;
    const double d2 = D > 2 ? y2 - x2[j] : 0.0;
    const double scaled = (d0 * d0 + d1 * d1 + d2 * d2) * inverse_dof;
    const double w = 1.0 / (1.0 + scaled);
    const double kernel = UnitDof ? w : std::exp(-dof * std::log1p(scaled));
    const double push = kernel * w;
    z += kernel;
    f0 += push * d0;
    if (D > 1) f1 += push * d1;
    if (D > 2) f2 += push * d2;
  }
  sums[0] += f0;
  if (D > 1) sums[1] += f1;
  if (D > 2) sums[2] += f2;
  sums[D] += z;
}

}  // namespace

void add_pairs(index_t n_rows, const index_t* rows, int d, const float* y, index_t m,
               const float* source, index_t own, double dof, float* out, double* row_z,
               int threads) {
  const auto add = [&](auto dimension, auto unit_dof) {
    constexpr int D = decltype(dimension)::value;
    constexpr bool unit = decltype(unit_dof)::value;
    for_blocks(n_rows, 64, threads, [&](index_t, index_t begin, index_t end) {
      for (index_t r = begin; r < end; ++r) {
        const index_t i = rows[r];
        const float* yi = y + i * D;
        double sums[D + 1] = {};
        add_sources<D, unit>(yi, m, source, 0, own < 0 ? m : own + i, dof, sums);
        if (own >= 0) add_sources<D, unit>(yi, m, source, own + i + 1, m, dof, sums);
        for (int c = 0; c < D; ++c) out[i * D + c] += static_cast<float>(sums[c]);
        row_z[i] += sums[D];
      }
    });
  };
  with_small_dimension(d, [&](auto dimension) {
    if (dof == 1.0) {
      add(dimension, std::true_type{});
    } else {
      add(dimension, std::false_type{});
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
