// A sparse matrix times a vector.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// out_i = sum_j a_ij x_j, for a matrix in CSR form with n_rows rows.
TSNEKIT_DECLARE(void, matvec, index_t n_rows, const index_t* row_start, const std::int32_t* column,
                const float* value, const float* x, float* out, int threads)

}  // namespace tsnekit
