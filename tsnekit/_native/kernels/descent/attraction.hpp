// Attractive forces of t-SNE and the terms of the Kullback-Leibler divergence that run over P.
#pragma once

#include "isa.hpp"
#include "kernels/descent/affinities.hpp"
#include "kernels/descent/loading.hpp"

namespace tsnekit {

// The faster way of loading points in two dimensions on this processor, measured at the first call.
// The environment variable TSNEKIT_LOADING (gather or one_by_one) asks for one; for tests and
// benchmarks.
TSNEKIT_DECLARE(Loading, loading_in_use)

// With w_ij = 1 / (1 + |y_i - t_j|^2 / dof), overwrites `out`, which holds the repulsive forces
// R_i on entry, by the gradient (without its factor 4)
//
//   exaggeration * sum_j p_ij w_ij (y_i - t_j)  -  R_i / Z_i
//
// Rows are points `y` (n, d). Columns are `target` points (m, d). For an ordinary embedding both
// are the same array. `z` has one entry, or with `z_per_row` one entry per row. Unless `row_logs` is
// null, row_logs[i] becomes sum_j p_ij dof log(1 + |y_i - t_j|^2 / dof). `out` has the same bits
// either way.
TSNEKIT_DECLARE(void, attraction, const Affinities& p, int d, const float* y, const float* target,
                double dof, double exaggeration, const double* z, bool z_per_row, float* out,
                double* row_logs, int threads)

// The same with one Z, for points `y` and affinities in an order of their own: row i of them is row
// order[i] of `out` and `row_logs`.
TSNEKIT_DECLARE(void, compact_attraction, const CompactAffinities& p, int d, const float* y,
                const float* target, double dof, double exaggeration, double z,
                const std::int32_t* order, float* out, double* row_logs, int threads)

// For each row i, writes sum_j p_ij (log p_ij + dof * log(1 + |y_i - t_j|^2 / dof)) into `row_cost`
// (n_rows,). Entries with p_ij = 0 add nothing.
TSNEKIT_DECLARE(void, attraction_cost, const Affinities& p, int d, const float* y,
                const float* target, double dof, double* row_cost, int threads)

}  // namespace tsnekit
