// Points in the order of a space-filling curve.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// Fills `order` (n,) with the numbers of the points `y` (n, d) along a Morton curve. Ties keep
// their order.
TSNEKIT_DECLARE(void, curve_order, index_t n, int d, const float* y, std::int32_t* order,
                int threads)

// Sets out[r] to y[order[r]], for rows of `d` numbers.
TSNEKIT_DECLARE(void, gather_rows, index_t n, int d, const float* y, const std::int32_t* order,
                float* out, int threads)

}  // namespace tsnekit
