// Points in the order of a space-filling curve, and affinities whose rows and columns follow it.
#pragma once

#include "isa.hpp"
#include "kernels/affinities.hpp"

namespace tsnekit {

// Fills `order` (n,) with the points `y` (n, d) along a Morton curve; ties keep their order.
TSNEKIT_DECLARE(void, curve_order, index_t n, int d, const float* y, std::int32_t* order,
                int threads)

// Fills the arrays of a packed matrix whose row r is row order[r] of `p`, with columns renumbered
// alike; there are at most 2^24 rows. Within a row, the entries stay in the order in which they are.
TSNEKIT_DECLARE(void, pack_affinities, const Affinities& p, const std::int32_t* order,
                index_t* row_start, std::uint32_t* word, std::uint8_t* tail, int threads)

// out[r] = y[order[r]], rows of `d`.
TSNEKIT_DECLARE(void, gather_rows, index_t n, int d, const float* y, const std::int32_t* order,
                float* out, int threads)

}  // namespace tsnekit
