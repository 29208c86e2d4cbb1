// From conditional weights of neighbors to a sparse matrix with sorted rows.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// Neighbors of each row and their weights, (n_rows, k) both; borrowed.
struct ConditionalWeights {
  index_t n_rows;
  int k;
  const std::int32_t* neighbor;
  const float* weight;
};

enum class Symmetrization : int { mean, max };

// Makes P of weights W between n rows: (W + W^T) or max(W, W^T), scaled to sum to 1.
//
// `row_start` (n_rows + 1,) is filled. `column` and `value` have room for 2 n_rows k entries. In
// the end the first row_start[n_rows] entries hold P. If a neighbor is not a row, the function
// returns false, and the contents of the arrays have no meaning.
TSNEKIT_DECLARE(bool, symmetrize, const ConditionalWeights& w, Symmetrization how,
                index_t* row_start, std::int32_t* column, float* value, int threads)

// Copies the weights, multiplied by `scale`, with each row sorted by column. Returns false if a
// neighbor is not below n_columns.
TSNEKIT_DECLARE(bool, sort_rows, const ConditionalWeights& w, index_t n_columns, double scale,
                std::int32_t* column, float* value, int threads)

}  // namespace tsnekit
