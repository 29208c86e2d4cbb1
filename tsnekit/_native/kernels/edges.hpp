// Packs of a CSR row's edges: their values, and the points that their columns name.
#pragma once

#include "kernels/pack.hpp"
#include "parallel.hpp"

namespace tsnekit::TSNEKIT_ISA {

// Up to Pack::width edges. In the lanes behind the last edge the value is 0 and the point is that
// of column 0, so that whatever is multiplied by the value vanishes there.
template <int D>
struct Edges {
  Pack value;
  Pack point[D];
};

#if defined(TSNEKIT_PACK_AVX512)

template <int D>
Edges<D> load_edges(const std::int32_t* column, const float* value, int left, const float* points) {
  const __mmask16 mask = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
  const __m512i columns = _mm512_maskz_loadu_epi32(mask, column);
  const Pack values = _mm512_maskz_loadu_ps(mask, value);
  if constexpr (D == 1) {
    return {values, {_mm512_i32gather_ps(columns, points, 4)}};
  } else if constexpr (D == 2) {
    // One gather of 64 bits brings both coordinates of a point.
    const __m512 low = _mm512_castpd_ps(
        _mm512_i32gather_pd(_mm512_castsi512_si256(columns), points, 8));
    const __m512 high = _mm512_castpd_ps(
        _mm512_i32gather_pd(_mm512_extracti32x8_epi32(columns, 1), points, 8));
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    return {values,
            {_mm512_permutex2var_ps(low, even, high), _mm512_permutex2var_ps(low, odd, high)}};
  } else {
    const __m512i triples = _mm512_mullo_epi32(columns, _mm512_set1_epi32(3));
    return {values,
            {_mm512_i32gather_ps(triples, points, 4), _mm512_i32gather_ps(triples, points + 1, 4),
             _mm512_i32gather_ps(triples, points + 2, 4)}};
  }
}

#elif defined(TSNEKIT_PACK_AVX2)

template <int D>
Edges<D> load_edges(const std::int32_t* column, const float* value, int left, const float* points) {
  const __m256i lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
  const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(left), lanes);
  const __m256i columns = _mm256_maskload_epi32(column, mask);
  const Pack values = _mm256_maskload_ps(value, mask);
  if constexpr (D == 1) {
    return {values, {_mm256_i32gather_ps(points, columns, 4)}};
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
    return {values,
            {in_order(_mm256_shuffle_ps(low, high, 0x88)),
             in_order(_mm256_shuffle_ps(low, high, 0xdd))}};
  } else {
    const __m256i triples = _mm256_mullo_epi32(columns, _mm256_set1_epi32(3));
    return {values,
            {_mm256_i32gather_ps(points, triples, 4), _mm256_i32gather_ps(points + 1, triples, 4),
             _mm256_i32gather_ps(points + 2, triples, 4)}};
  }
}

#else

template <int D>
Edges<D> load_edges(const std::int32_t* column, const float* value, int left, const float* points) {
  Edges<D> edges;
  const int count = left < Pack::width ? left : Pack::width;
  edges.value = lanewise([&](int k) { return k < count ? value[k] : 0.0f; });
  for (int c = 0; c < D; ++c) {
    edges.point[c] = lanewise(
        [&](int k) { return points[static_cast<index_t>(k < count ? column[k] : 0) * D + c]; });
  }
  return edges;
}

#endif

}  // namespace tsnekit::TSNEKIT_ISA
