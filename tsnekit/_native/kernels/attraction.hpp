// Attractive forces of t-SNE and the terms of the Kullback-Leibler divergence that run over P.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// A sparse matrix in CSR form, rows of affinities; borrowed.
struct Affinities {
  index_t n_rows;
  const index_t* row_start;   // (n_rows + 1,)
  const std::int32_t* column;
  const float* value;
};

// With w_ij = 1 / (1 + |y_i - t_j|^2 / dof), overwrites `out`, which holds the repulsive forces
// R_i on entry, by the gradient (without its factor 4)
//
//   exaggeration * sum_j p_ij w_ij (y_i - t_j)  -  R_i / Z_i
//
// Rows are points `y` (n, d), columns are `target` points (m, d); for an ordinary embedding the two
// are the same array. `z` has one entry, or one per row where `z_per_row`. The gradient of row i is
// row order[i] of `out` and of `z`, or row i where `order` is null.
TSNEKIT_DECLARE(void, attraction, const Affinities& p, int d, const float* y, const float* target,
                double dof, double exaggeration, const double* z, bool z_per_row,
                const std::int32_t* order, float* out, int threads)

// For each row i, sum_j p_ij (log p_ij + dof * log(1 + |y_i - t_j|^2 / dof)), where entries with
// p_ij = 0 count nothing, into `row_cost` (n_rows,).
TSNEKIT_DECLARE(void, attraction_cost, const Affinities& p, int d, const float* y,
                const float* target, double dof, double* row_cost, int threads)

}  // namespace tsnekit
