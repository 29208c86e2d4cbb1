// Packs of a CSR row's edges: their values, and the points that their columns name.
#pragma once

#include "kernels/pack.hpp"
#include "parallel.hpp"

namespace tsnekit::TSNEKIT_ISA {

// load_edges(column, value, left, points, values, point) loads up to Pack::width edges. In the
// lanes behind the last edge the value is 0 and the point is that of column 0, so that whatever is
// multiplied by the value vanishes there.

#if defined(TSNEKIT_PACK_AVX512)

template <int D>
[[gnu::always_inline]] inline void load_edges(const std::int32_t* column, const float* value,
                                              int left, const float* points, Pack& values,
                                              Pack (&point)[D]) {
  const __mmask16 mask = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
  const __m512i columns = _mm512_maskz_loadu_epi32(mask, column);
  values = _mm512_maskz_loadu_ps(mask, value);
  if constexpr (D == 1) {
    point[0] = _mm512_i32gather_ps(columns, points, 4);
  } else if constexpr (D == 2) {
    // One gather of 64 bits brings both coordinates of a point.
    const __m512 low = _mm512_castpd_ps(
        _mm512_i32gather_pd(_mm512_castsi512_si256(columns), points, 8));
    const __m512 high = _mm512_castpd_ps(
        _mm512_i32gather_pd(_mm512_extracti32x8_epi32(columns, 1), points, 8));
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    point[0] = _mm512_permutex2var_ps(low, even, high);
    point[1] = _mm512_permutex2var_ps(low, odd, high);
  } else {
    const __m512i triples = _mm512_mullo_epi32(columns, _mm512_set1_epi32(3));
    for (int c = 0; c < D; ++c) point[c] = _mm512_i32gather_ps(triples, points + c, 4);
  }
}

#elif defined(TSNEKIT_PACK_AVX2)

template <int D>
[[gnu::always_inline]] inline void load_edges(const std::int32_t* column, const float* value,
                                              int left, const float* points, Pack& values,
                                              Pack (&point)[D]) {
  const __m256i lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
  const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(left), lanes);
  const __m256i columns = _mm256_maskload_epi32(column, mask);
  values = _mm256_maskload_ps(value, mask);
  if constexpr (D == 1) {
    point[0] = _mm256_i32gather_ps(points, columns, 4);
  } else if constexpr (D == 2) {
    // One gather of 64 bits brings both coordinates of a point.
    const double* pairs = reinterpret_cast<const double*>(points);
    const __m256 low = _mm256_castpd_ps(
        _mm256_i32gather_pd(pairs, _mm256_castsi256_si128(columns), 8));
    const __m256 high = _mm256_castpd_ps(
        _mm256_i32gather_pd(pairs, _mm256_extracti128_si256(columns, 1), 8));
    const auto in_order = [](__m256 x) {
      return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
    };
    point[0] = in_order(_mm256_shuffle_ps(low, high, 0x88));
    point[1] = in_order(_mm256_shuffle_ps(low, high, 0xdd));
  } else {
    const __m256i triples = _mm256_mullo_epi32(columns, _mm256_set1_epi32(3));
    for (int c = 0; c < D; ++c) point[c] = _mm256_i32gather_ps(points + c, triples, 4);
  }
}

#else

template <int D>
[[gnu::always_inline]] inline void load_edges(const std::int32_t* column, const float* value,
                                              int left, const float* points, Pack& values,
                                              Pack (&point)[D]) {
  const int count = left < Pack::width ? left : Pack::width;
  values = lanewise([&](int k) { return k < count ? value[k] : 0.0f; });
  for (int c = 0; c < D; ++c) {
    point[c] = lanewise(
        [&](int k) { return points[static_cast<index_t>(k < count ? column[k] : 0) * D + c]; });
  }
}

#endif

}  // namespace tsnekit::TSNEKIT_ISA
