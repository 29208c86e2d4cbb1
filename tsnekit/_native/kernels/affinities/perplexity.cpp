#include "kernels/affinities/perplexity.hpp"

#include <cmath>
#include <limits>

#include "kernels/simd/elementary.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 128;

// Error of the entropy at which the search stops. It is the relative error of the perplexity.
constexpr double tolerance = 2e-6;
constexpr int max_evaluations = 100;
// Bounds of the logarithm of the scaled precision. Below them all weights are equal. Above them
// floats overflow.
constexpr double min_log_precision = -16.0, max_log_precision = 85.0;
constexpr double max_log_step = 3.0;
// Where the search starts. The precision is near exp(guess) (log k - entropy) / mean distance. With
// three neighbors per unit of perplexity this holds within 10 %, on real and on random data.
constexpr double guess = 1.24;

// Rows are padded to whole vectors. The distances in the padding give a weight of 0.
constexpr int lanes = 16;
constexpr float padding = 1e30f;

std::size_t padded(int k) { return static_cast<std::size_t>((k + lanes - 1) / lanes * lanes); }

// Squared distances of one row. The smallest is subtracted, so that only negligible weights
// underflow. The result is scaled to end at 1, so that the precision does not underflow either.
struct Row {
  const float* u;   // (padded(k),)
  int k;
  int nearest;      // how many neighbors are at the smallest distance
  double smallest;  // the shift
  double range;     // the scale; 0 if all are equally far
  double mean;      // of u
};

struct Sums {
  double weight = 0.0, first = 0.0, second = 0.0;  // of e, u e, u^2 e
};

// Returns whether all distances are finite.
bool scale_row(const float* __restrict distances, int k, float* __restrict u, Row& row) {
  float low = distances[0], high = distances[0], finite = 0.0f;
#pragma omp simd reduction(min : low) reduction(max : high) reduction(+ : finite)
  for (int j = 0; j < k; ++j) {
    low = distances[j] < low ? distances[j] : low;
    high = distances[j] > high ? distances[j] : high;
    finite += distances[j] * 0.0f;
  }
  if (finite != 0.0f) return false;
  // d^2 - low^2 is computed as a product, which does not cancel, in double precision, which does
  // not overflow.
  const double nearest = low;
  const double range = (high - nearest) * (high + nearest);
  const double inverse = range > 0.0 ? 1.0 / range : 0.0;
  int ties = 0;
  double sum = 0.0;
#pragma omp simd reduction(+ : ties, sum)
  for (int j = 0; j < k; ++j) {
    const double d = distances[j];
    u[j] = static_cast<float>((d - nearest) * (d + nearest) * inverse);
    ties += u[j] == 0.0f;
    sum += u[j];
  }
  std::fill(u + k, u + padded(k), padding);
  row = {u, k, ties, nearest * nearest, range, sum / k};
  return true;
}

// Fills `weights` with exp(-precision u), not normalised.
Sums evaluate(const Row& row, float precision, float* __restrict weights) {
  const float* __restrict shifted = row.u;
  const int count = static_cast<int>(padded(row.k));
  double weight = 0.0, first = 0.0, second = 0.0;
#pragma omp simd reduction(+ : weight, first, second)
  for (int j = 0; j < count; ++j) {
    const float e = fast_exp(-precision * shifted[j]);
    weights[j] = e;
    const double u = shifted[j];
    weight += e;
    first += u * e;
    second += u * u * e;
  }
  return {weight, first, second};
}

struct Solution {
  double log_precision;  // of the scaled row
  double log_sum;        // of the weights before normalisation
  std::int32_t status;
};

// Newton's method on the logarithm of the precision, kept within a bracket. The entropy falls as
// the precision rises, and it is nearly linear in this logarithm. The function leaves the weights
// in `weights`.
Solution solve(const Row& row, double entropy, float* weights) {
  double low = min_log_precision, high = max_log_precision;
  // The entropy can lie between two values: only the nearest count, or all count the same.
  const bool too_low = entropy < std::log(double(row.nearest)) - tolerance;
  const bool too_high = entropy > std::log(double(row.k)) + tolerance;
  if (too_low || too_high) {
    const double limit = too_low ? high : low;
    const Sums sums = evaluate(row, static_cast<float>(std::exp(limit)), weights);
    return {limit, std::log(sums.weight), calibration_unreachable};
  }
  // This depends on the row alone: weights of a row must not depend on the rows beside it.
  const double above = std::max(std::log(double(row.k)) - entropy, tolerance);
  double log_precision = std::min(std::max(std::log(above / row.mean) + guess, low), high);
  for (int evaluation = 1;; ++evaluation) {
    const float precision = static_cast<float>(std::exp(log_precision));
    const Sums sums = evaluate(row, precision, weights);
    const double mean = sums.first / sums.weight;
    const double log_sum = std::log(sums.weight);
    const double excess = log_sum + precision * mean - entropy;
    if (std::abs(excess) <= tolerance) return {log_precision, log_sum, evaluation};
    if (evaluation == max_evaluations) return {log_precision, log_sum, calibration_not_converged};
    (excess > 0.0 ? low : high) = log_precision;
    const double variance = sums.second / sums.weight - mean * mean;
    const double slope = double{precision} * precision * variance;
    double step = excess > 0.0 ? max_log_step : -max_log_step;
    if (std::abs(excess) < max_log_step * slope) step = excess / slope;
    log_precision += step;
    if (!(log_precision > low && log_precision < high)) log_precision = 0.5 * (low + high);
  }
}

void normalize(const float* __restrict weights, int k, float* __restrict out) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int j = 0; j < k; ++j) sum += weights[j];
  const double inverse = 1.0 / sum;
#pragma omp simd
  for (int j = 0; j < k; ++j) out[j] = static_cast<float>(weights[j] * inverse);
}

// Adds up the weights of all scales, `each` (scales, padded(k)), and stores the sum in place of the
// weights of the first scale. `log_share` has the logarithm of each scale's share.
void combine(float* each, int k, const std::vector<double>& log_share) {
  const double largest = *std::max_element(log_share.begin(), log_share.end());
  for (std::size_t h = 0; h < log_share.size(); ++h) {
    const float share = static_cast<float>(std::exp(log_share[h] - largest));
    const float* scale = each + h * padded(k);
#pragma omp simd
    for (int j = 0; j < k; ++j) each[j] = (h == 0 ? 0.0f : each[j]) + share * scale[j];
  }
}

}  // namespace

void calibrate(index_t n, int k, const float* distances, int scales, const double* perplexities,
               bool mixture, float* weights, double* precision, std::int32_t* status,
               int threads) {
  for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    const auto count = static_cast<std::size_t>(scales);
    std::vector<float> u(padded(k)), each(count * padded(k));
    std::vector<double> log_share(count);
    for (index_t i = first; i < last; ++i) {
      float* out = weights + i * k;
      Row row;
      const bool finite = scale_row(distances + i * k, k, u.data(), row);
      if (!finite || row.range == 0.0) {
        std::fill(out, out + k, 1.0f / static_cast<float>(k));
        for (int h = 0; h < scales; ++h) {
          const bool uniform = std::abs(std::log(k / perplexities[h])) <= tolerance;
          precision[i * scales + h] = 0.0;
          status[i * scales + h] = !finite   ? calibration_not_finite
                                   : uniform ? 1
                                             : calibration_unreachable;
        }
        continue;
      }
      for (int h = 0; h < scales; ++h) {
        const double entropy = std::log(perplexities[h]);
        const Solution found = solve(row, entropy, &each[h * padded(k)]);
        const double log_precision = found.log_precision - std::log(row.range);
        precision[i * scales + h] = std::exp(log_precision);
        status[i * scales + h] = found.status;
        // Each density was shifted by its own largest value. This restores the ratio of the
        // densities.
        log_share[h] = mixture ? 0.5 * log_precision - precision[i * scales + h] * row.smallest
                               : -found.log_sum;
      }
      if (scales > 1) combine(each.data(), k, log_share);
      normalize(each.data(), k, out);
    }
  });
}

void gaussian_weights(index_t n, int k, const float* distances, double precision, float* weights,
                      int threads) {
  for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    std::vector<float> u(padded(k)), e(padded(k));
    for (index_t i = first; i < last; ++i) {
      Row row;
      if (!scale_row(distances + i * k, k, u.data(), row)) {
        std::fill(weights + i * k, weights + (i + 1) * k, std::numeric_limits<float>::quiet_NaN());
        continue;
      }
      const double scaled = std::min(precision * row.range, std::exp(max_log_precision));
      evaluate(row, static_cast<float>(scaled), e.data());
      normalize(e.data(), k, weights + i * k);
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
