// Distances between rows, for kernels only: compiled once per instruction set.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "kernels/neighbors/rows.hpp"

namespace tsnekit::TSNEKIT_ISA {

constexpr float infinity = std::numeric_limits<float>::infinity();

// A neighbor as one number, ordered by distance, ties by row. The bits of floats that are not
// negative have the order of their values, so that a selection needs only one comparison.
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
  if constexpr (M == RowMetric::squared_euclidean) {
    return (a - b) * (a - b);
  } else if constexpr (M == RowMetric::manhattan) {
    return std::fabs(a - b);
  } else {
    // 1 or 0, made from bits: compilers do not vectorise a choice between the two.
    const std::uint32_t bits = -static_cast<std::uint32_t>(a != b) & 0x3f800000u;
    float differs;
    std::memcpy(&differs, &bits, sizeof differs);
    return differs;
  }
}

inline void prefetch(const void* start, int bytes) {
#if defined(__GNUC__)
  constexpr int line = 64, most = 1024;
  for (int at = 0; at < std::min(bytes, most); at += line)
    __builtin_prefetch(static_cast<const char*>(start) + at);
#else
  (void)start;
  (void)bytes;
#endif
}

// Distances of one row to `Count` others. Their sums are computed at the same time.
template <RowMetric M, int Count>
inline void distances_to_some(const float* row, const float* const (&other)[Count], int d,
                              float* out) {
#if defined(__AVX512F__)
  // Compilers make a slow loop of the last vector, which is not full.
  __m512 sum[Count];
  for (int r = 0; r < Count; ++r) sum[r] = _mm512_setzero_ps();
  for (int c = 0; c < d; c += 16) {
    const __mmask16 mask = static_cast<__mmask16>(d - c >= 16 ? 0xffff : (1 << (d - c)) - 1);
    const __m512 x = _mm512_maskz_loadu_ps(mask, row + c);
    for (int r = 0; r < Count; ++r) {
      const __m512 y = _mm512_maskz_loadu_ps(mask, other[r] + c);
      const __m512 difference = _mm512_sub_ps(x, y);
      if constexpr (M == RowMetric::squared_euclidean) {
        sum[r] = _mm512_fmadd_ps(difference, difference, sum[r]);
      } else if constexpr (M == RowMetric::manhattan) {
        sum[r] = _mm512_add_ps(sum[r], _mm512_abs_ps(difference));
      } else {
        const __mmask16 differs = _mm512_cmp_ps_mask(x, y, _CMP_NEQ_UQ);
        sum[r] = _mm512_mask_add_ps(sum[r], differs, sum[r], _mm512_set1_ps(1.0f));
      }
    }
  }
  for (int r = 0; r < Count; ++r) out[r] = _mm512_reduce_add_ps(sum[r]);
#elif defined(__AVX2__) && defined(__FMA__)
  static constexpr std::int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  __m256 sum[Count];
  for (int r = 0; r < Count; ++r) sum[r] = _mm256_setzero_ps();
  const auto add = [&](int r, __m256 x, __m256 y) {
    const __m256 difference = _mm256_sub_ps(x, y);
    if constexpr (M == RowMetric::squared_euclidean) {
      sum[r] = _mm256_fmadd_ps(difference, difference, sum[r]);
    } else if constexpr (M == RowMetric::manhattan) {
      sum[r] = _mm256_add_ps(sum[r], _mm256_andnot_ps(_mm256_set1_ps(-0.0f), difference));
    } else {
      const __m256 differs = _mm256_cmp_ps(x, y, _CMP_NEQ_UQ);
      sum[r] = _mm256_add_ps(sum[r], _mm256_and_ps(differs, _mm256_set1_ps(1.0f)));
    }
  };
  int c = 0;
  for (; c + 8 <= d; c += 8) {
    const __m256 x = _mm256_loadu_ps(row + c);
    for (int r = 0; r < Count; ++r) add(r, x, _mm256_loadu_ps(other[r] + c));
  }
  if (c < d) {
    const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ones + 8 - (d - c)));
    const __m256 x = _mm256_maskload_ps(row + c, mask);
    for (int r = 0; r < Count; ++r) add(r, x, _mm256_maskload_ps(other[r] + c, mask));
  }
  __m128 half[Count];
  for (int r = 0; r < Count; ++r) {
    half[r] = _mm_add_ps(_mm256_castps256_ps128(sum[r]), _mm256_extractf128_ps(sum[r], 1));
  }
  if constexpr (Count == 4) {
    const __m128 a = _mm_hadd_ps(half[0], half[1]), b = _mm_hadd_ps(half[2], half[3]);
    _mm_storeu_ps(out, _mm_hadd_ps(a, b));
  } else {
    for (int r = 0; r < Count; ++r) {
      const __m128 pairs = _mm_hadd_ps(half[r], half[r]);
      out[r] = _mm_cvtss_f32(_mm_hadd_ps(pairs, pairs));
    }
  }
#else
  for (int r = 0; r < Count; ++r) {
    const float* x = other[r];
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int c = 0; c < d; ++c) sum += term<M>(row[c], x[c]);
    out[r] = sum;
  }
#endif
}

template <RowMetric M>
inline float distance_between(const float* a, const float* b, int d) {
  float distance;
  const float* const other[1] = {b};
  distances_to_some<M, 1>(a, other, d, &distance);
  return distance;
}

// Distances of one row to `count` others.
template <RowMetric M>
void distances_to(const Rows& data, const float* row, const std::int32_t* others, int count,
                  float* out) {
  const int d = data.d;
  const auto at = [&](int c) { return data.data + index_t{others[c]} * d; };
  const int bytes = d * static_cast<int>(sizeof(float));
  for (int c = 0; c < std::min(8, count); ++c) prefetch(at(c), bytes);
  int c = 0;
  for (; c + 4 <= count; c += 4) {
    for (int next = c + 8; next < std::min(c + 12, count); ++next) prefetch(at(next), bytes);
    const float* const some[4] = {at(c), at(c + 1), at(c + 2), at(c + 3)};
    distances_to_some<M, 4>(row, some, d, out + c);
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
