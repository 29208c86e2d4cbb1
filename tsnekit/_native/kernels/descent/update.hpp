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

// Jacobs (1988), as used for t-SNE: a gain is multiplied by 0.8 where the gradient has the sign of
// the last update, since an update goes against its gradient. Elsewhere it grows by 0.2. It is never
// below 0.01. Then
// update = momentum * update - learning_rate * gain * gradient and y += update, each row's gradient
// and update clipped to its maximal norm, in place. All arrays are (n, d).
TSNEKIT_DECLARE(void, momentum_step, index_t n, int d, float* y, float* gradient,
                float* update, float* gains, const Step& step, int threads)

// Subtracts the mean of the rows, `mean` (d,) being scratch space.
TSNEKIT_DECLARE(void, center, index_t n, int d, float* y, double* mean, int threads)

}  // namespace tsnekit
