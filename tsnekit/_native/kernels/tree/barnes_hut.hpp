// Barnes-Hut repulsion.
#pragma once

#include "kernels/tree/tree.hpp"

namespace tsnekit {

// Working space of one thread.
struct BarnesHutWalk {
  TreeSources deferred, queue, list;
  std::vector<std::int32_t> opened, opened_leaf;
};

// Working space of a call. It only grows.
struct BarnesHutBuffers {
  std::vector<BarnesHutWalk> walk;
  std::vector<std::int32_t> task;
  std::vector<double> task_z;
};

// Rows first to last - 1.
struct RowRange {
  index_t first, last;
};

// With w_ij = 1 / (1 + |y_i - x_j|^2 / dof), fills
//   out[i] = sum_j w_ij^(dof + 1) (y_i - x_j)   and   row_z[i] = sum_j w_ij^dof.
// The y_i are the points of `target`, in the caller's order. The x_j are the points of `source`.
// `row_z` may be null. If both trees are the same, no point acts on itself. A node stands for its
// points if its size is at most `theta` times its distance. Only the rows of `rows` are filled, and
// `out` and `row_z` begin with the first of them. Returns the sum of their Z_i. The bits of a row do
// not depend on which others are filled.
TSNEKIT_DECLARE(double, barnes_hut, const Tree& source, const Tree& target, int d, double dof,
                double theta, RowRange rows, float* out, double* row_z, BarnesHutBuffers& buffers,
                int threads)

}  // namespace tsnekit
