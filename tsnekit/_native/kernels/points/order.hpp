// Points in the order of a space-filling curve.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// Fills `order` (n,) with the points `y` (n, d) along a Morton curve; ties keep their order.
TSNEKIT_DECLARE(void, curve_order, index_t n, int d, const float* y, std::int32_t* order,
                int threads)

// out[r] = y[order[r]], rows of `d`.
TSNEKIT_DECLARE(void, gather_rows, index_t n, int d, const float* y, const std::int32_t* order,
                float* out, int threads)

}  // namespace tsnekit
