// Repulsion pair by pair, for the few points that lie so far out that the grid leaves them out.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// For each listed row i of `y`, adds sum_j w_ij^(dof + 1) (y_i - x_j) over the m sources to out[i],
// and sum_j w_ij^dof to row_z[i]. Here w_ij = 1 / (1 + |y_i - x_j|^2 / dof). `source` is (d, m).
// Row i is source own + i, which is left out for it, unless `own` is negative. All sums are in double
// precision.
TSNEKIT_DECLARE(void, add_pairs, index_t n_rows, const index_t* rows, int d, const float* y,
                index_t m, const float* source, index_t own, double dof, float* out,
                double* row_z, int threads)

}  // namespace tsnekit
