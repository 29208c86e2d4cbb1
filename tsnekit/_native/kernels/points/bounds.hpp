// The box around points.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// Smallest and largest coordinate per axis, over all rows of `y` (n, d), n > 0.
TSNEKIT_DECLARE(void, point_bounds, index_t n, int d, const float* y, float* lower, float* upper,
                int threads)

}  // namespace tsnekit
