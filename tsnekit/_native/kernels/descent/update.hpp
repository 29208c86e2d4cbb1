// One step of gradient descent with momentum and delta-bar-delta gains, and recentering.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

struct Step {
  float learning_rate;
  float momentum;
  float max_grad_norm;  // infinity for no bound
  float max_step_norm;  // infinity for no bound
};

// The gains follow Jacobs (1988), as used for t-SNE. A gain is multiplied by 0.8 if the gradient
// has the sign of the last update, because an update goes against its gradient. Otherwise it grows
// by 0.2. It never falls below 0.01. Then
//   update = momentum * update - learning_rate * gain * gradient,   y += update,
// in place. The gradient and the update of each row are shortened to their largest norms. All
// arrays are (n, d).
TSNEKIT_DECLARE(void, momentum_step, index_t n, int d, float* y, float* gradient,
                float* update, float* gains, const Step& step, int threads)

// Subtracts the mean of the rows. `mean` (d,) is scratch space.
TSNEKIT_DECLARE(void, center, index_t n, int d, float* y, double* mean, int threads)

}  // namespace tsnekit
