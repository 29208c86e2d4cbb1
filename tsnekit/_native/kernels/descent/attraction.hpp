// Attractive forces of t-SNE and the terms of the Kullback-Leibler divergence that run over P.
#pragma once

#include "isa.hpp"
#include "kernels/descent/affinities.hpp"

namespace tsnekit {

// With w_ij = 1 / (1 + |y_i - t_j|^2 / dof), overwrites `out`, which holds the repulsive forces
// R_i on entry, by the gradient (without its factor 4)
//
//   exaggeration * sum_j p_ij w_ij (y_i - t_j)  -  R_i / Z_i
//
// Rows are points `y` (n, d), columns are `target` points (m, d); for an ordinary embedding the two
// are the same array. `z` has one entry, or one per row where `z_per_row`. Unless `row_logs` is null,
// row_logs[i] becomes sum_j p_ij dof log(1 + |y_i - t_j|^2 / dof); `out` is the same bits either way.
TSNEKIT_DECLARE(void, attraction, const Affinities& p, int d, const float* y, const float* target,
                double dof, double exaggeration, const double* z, bool z_per_row, float* out,
                double* row_logs, int threads)

// The same for points `y` and affinities in an order of their own, row i of which is row order[i]
// of `out` and `row_logs`, with one Z.
TSNEKIT_DECLARE(void, compact_attraction, const CompactAffinities& p, int d, const float* y,
                double dof, double exaggeration, double z, const std::int32_t* order, float* out,
                double* row_logs, int threads)

// For each row i, sum_j p_ij (log p_ij + dof * log(1 + |y_i - t_j|^2 / dof)), where entries with
// p_ij = 0 count nothing, into `row_cost` (n_rows,).
TSNEKIT_DECLARE(void, attraction_cost, const Affinities& p, int d, const float* y,
                const float* target, double dof, double* row_cost, int threads)

}  // namespace tsnekit
