#include "kernels/grid/kernel_table.hpp"

#include <cmath>

namespace tsnekit::TSNEKIT_ISA {
namespace {

// Sets the table at every offset to value(squared length of the offset, its index along `axis`).
template <class Value>
void fill_table(int d, const index_t* shape, double spacing, int axis, double* table, int threads,
                Value&& value) {
  const index_t last = shape[d - 1];
  const index_t middle = d > 2 ? shape[1] : 1;
  const index_t rows = (d > 1 ? shape[0] : 1) * middle;
  for_blocks(rows, 8, threads, [&](index_t, index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row) {
      const index_t index[3] = {row / middle, row % middle, 0};
      const double a = spacing * static_cast<double>(index[0]);
      const double b = spacing * static_cast<double>(index[1]);
      const double base = a * a + b * b;
      for (index_t k = 0; k < last; ++k) {
        const double x = spacing * static_cast<double>(k);
        const index_t along = axis == d - 1 ? k : index[axis];
        table[row * last + k] = value(base + x * x, spacing * static_cast<double>(along));
      }
    }
  });
}

}  // namespace

void potential_table(int d, const index_t* shape, double spacing, double dof, double cutoff,
                     double* table, int threads) {
  const double far = cutoff * cutoff;
  if (dof == 1.0) {
    fill_table(d, shape, spacing, 0, table, threads, [&](double r2, double) {
      return (far - r2) / ((1.0 + r2) * (1.0 + far));
    });
    return;
  }
  const double base = std::exp(-dof * std::log1p(far / dof));
  // The difference is a multiple of the larger value. A quotient by the smaller value may overflow.
  fill_table(d, shape, spacing, 0, table, threads, [&](double r2, double) {
    const double ratio = dof * std::log1p((far - r2) / (dof + r2));
    if (ratio < 0.0) return base * std::expm1(ratio);
    return -std::exp(-dof * std::log1p(r2 / dof)) * std::expm1(-ratio);
  });
}

void force_table(int d, const index_t* shape, double spacing, double dof, int axis, double* table,
                 int threads) {
  if (dof == 1.0) {
    fill_table(d, shape, spacing, axis, table, threads, [&](double r2, double x) {
      return x / ((1.0 + r2) * (1.0 + r2));
    });
    return;
  }
  fill_table(d, shape, spacing, axis, table, threads, [&](double r2, double x) {
    return x * std::exp(-(dof + 1.0) * std::log1p(r2 / dof));
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
