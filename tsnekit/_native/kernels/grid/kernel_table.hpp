// The kernel of t-SNE's repulsion, tabulated at the node offsets of a grid.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// K(r) = (1 + r^2 / dof)^-dof, and r is the length of (i, j, k) * spacing. Sets the table (shape, d
// axes) to K(r) - K(cutoff), computed without cancellation.
TSNEKIT_DECLARE(void, potential_table, int d, const index_t* shape, double spacing, double dof,
                double cutoff, double* table, int threads)

// Sets the table to (1 + r^2 / dof)^-(dof + 1) times the offset along `axis`.
TSNEKIT_DECLARE(void, force_table, int d, const index_t* shape, double spacing, double dof,
                int axis, double* table, int threads)

}  // namespace tsnekit
