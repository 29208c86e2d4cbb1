// Distances between rows, for the kernels' own use: compiled once per instruction set.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "kernels/rows.hpp"

namespace tsnekit::TSNEKIT_ISA {

constexpr float infinity = std::numeric_limits<float>::infinity();

// A neighbor as one number, ordered by distance, ties by row: the bits of a float that is not
// negative are in the order of its values, and one comparison is all that a selection needs.
using Neighbor = std::uint64_t;

inline Neighbor neighbor(float distance, std::int32_t row) {
  std::uint32_t bits;
  std::memcpy(&bits, &distance, sizeof bits);
  return std::uint64_t{bits} << 32 | static_cast<std::uint32_t>(row);
}
inline std::int32_t row_of(Neighbor neighbor) {
  return static_cast<std::int32_t>(neighbor & 0xffffffffu);
}
inline float distance_of(Neighbor neighbor) {
  const auto bits = static_cast<std::uint32_t>(neighbor >> 32);
  float distance;
  std::memcpy(&distance, &bits, sizeof distance);
  return distance;
}

template <RowMetric M>
inline float term(float a, float b) {
  const float difference = a - b;
  if constexpr (M == RowMetric::squared_euclidean) {
    return difference * difference;
  } else if constexpr (M == RowMetric::manhattan) {
    return std::fabs(difference);
  } else {
    return difference != 0.0f ? 1.0f : 0.0f;
  }
}

template <RowMetric M>
float distance_between(const float* a, const float* b, int d) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int c = 0; c < d; ++c) sum += term<M>(a[c], b[c]);
  return sum;
}

inline void prefetch(const float* row, int d) {
#if defined(__GNUC__)
  constexpr int line = 16;
  for (int c = 0; c < std::min(d, 16 * line); c += line) __builtin_prefetch(row + c);
#else
  (void)row;
  (void)d;
#endif
}

// Distances of one row to others, four at a time so that their sums overlap.
template <RowMetric M>
void distances_to(const Rows& data, const float* row, const std::vector<std::int32_t>& others,
                  std::vector<float>& out) {
  const int d = data.d;
  const std::size_t count = others.size();
  const auto at = [&](std::size_t c) { return data.data + index_t{others[c]} * d; };
  out.resize(count);
  std::size_t c = 0;
  for (; c + 4 <= count; c += 4) {
    const float *x0 = at(c), *x1 = at(c + 1), *x2 = at(c + 2), *x3 = at(c + 3);
    for (std::size_t next = c + 4; next < std::min(c + 8, count); ++next) prefetch(at(next), d);
    float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int j = 0; j < d; ++j) {
      s0 += term<M>(row[j], x0[j]);
      s1 += term<M>(row[j], x1[j]);
      s2 += term<M>(row[j], x2[j]);
      s3 += term<M>(row[j], x3[j]);
    }
    out[c] = s0;
    out[c + 1] = s1;
    out[c + 2] = s2;
    out[c + 3] = s3;
  }
  for (; c < count; ++c) out[c] = distance_between<M>(row, at(c), d);
}

// Which of the first `lanes` distances are below the bound, as bits.
constexpr int lanes = 16;
inline unsigned below(const float* distances, float bound) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(distances), _mm512_set1_ps(bound), _CMP_LT_OQ);
#elif defined(__AVX__)
  const __m256 limit = _mm256_set1_ps(bound);
  const auto half = [&](const float* d) {
    return static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(d), limit, _CMP_LT_OQ)));
  };
  return half(distances) | half(distances + 8) << 8;
#else
  unsigned bits = 0;
  for (int l = 0; l < lanes; ++l) bits |= static_cast<unsigned>(distances[l] < bound) << l;
  return bits;
#endif
}

// Keeps the k nearest, in any order.
inline void keep_nearest(std::vector<Neighbor>& found, int k) {
  if (static_cast<int>(found.size()) <= k) return;
  std::nth_element(found.begin(), found.begin() + (k - 1), found.end());
  found.resize(static_cast<std::size_t>(k));
}

// Calls body(std::integral_constant<RowMetric, M>) with M = metric.
template <class Body>
void with_metric(RowMetric metric, Body&& body) {
  switch (metric) {
    case RowMetric::squared_euclidean:
      return body(std::integral_constant<RowMetric, RowMetric::squared_euclidean>{});
    case RowMetric::manhattan:
      return body(std::integral_constant<RowMetric, RowMetric::manhattan>{});
    case RowMetric::hamming:
      return body(std::integral_constant<RowMetric, RowMetric::hamming>{});
  }
}

}  // namespace tsnekit::TSNEKIT_ISA
