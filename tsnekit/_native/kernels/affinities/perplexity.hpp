// Gaussian weights of neighbors, with bandwidths calibrated to a perplexity.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// What calibration found for one row and one perplexity.
enum CalibrationStatus : std::int32_t {
  calibration_not_finite = -2,    // a distance is NaN or infinite
  calibration_unreachable = -1,   // no bandwidth gives the perplexity: too many equal distances
  calibration_not_converged = 0,  // the search for the bandwidth ended too early
  // A positive number is how many evaluations of the row the search took.
};

// For each row of `distances` (n, k) and each of `scales` perplexities, finds the precision beta.
// With it the weights exp(-beta d^2), made to sum to 1, have that perplexity.
//
// `weights` (n, k) receives the weights of the only scale. For several scales it receives the mean
// of their weights, or with `mixture` the weights of the sum of the Gaussian densities, sqrt(beta)
// exp(-beta d^2) each. Rows sum to 1. `precision` and `status` are (n, scales).
TSNEKIT_DECLARE(void, calibrate, index_t n, int k, const float* distances, int scales,
                const double* perplexities, bool mixture, float* weights, double* precision,
                std::int32_t* status, int threads)

// The weights exp(-precision d^2) of each row, made to sum to 1.
TSNEKIT_DECLARE(void, gaussian_weights, index_t n, int k, const float* distances, double precision,
                float* weights, int threads)

}  // namespace tsnekit
