// Affinities in 5 bytes per entry, in an order of their points.
#pragma once

#include "isa.hpp"
#include "kernels/descent/affinities.hpp"

namespace tsnekit {

// Fills the arrays of a compact matrix. Its row r is row rows[r] of `p`, and its column c is column
// order[c]. There are at most 2^24 columns. The entries of a row keep their order.
TSNEKIT_DECLARE(void, compact_affinities, const Affinities& p, const std::int32_t* rows,
                index_t n_columns, const std::int32_t* order, index_t* row_start,
                std::uint32_t* word, std::uint8_t* tail, int threads)

}  // namespace tsnekit
