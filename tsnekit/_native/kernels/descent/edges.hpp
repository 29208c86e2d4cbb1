// The edges of a row, as many at a time as Floats holds: their values, and the points that their
// columns name.
#pragma once

#include "kernels/descent/affinities.hpp"
#include "kernels/simd/floats.hpp"
#include "kernels/descent/compact_entry.hpp"
#include "kernels/descent/loading.hpp"

namespace tsnekit::TSNEKIT_ISA {

// Column and value of entry k.

inline std::int32_t column_at(const Affinities& p, index_t k) { return p.column[k]; }
inline float value_at(const Affinities& p, index_t k) { return p.value[k]; }

inline std::int32_t column_at(const CompactAffinities& p, index_t k) {
  return compact_column(p.word[k]);
}
inline float value_at(const CompactAffinities& p, index_t k) {
  return compact_value(p.word[k], p.tail[k]);
}

// load_entries(p, first, left, column, value) loads up to Floats::width of the `left` entries from
// `first` on, with columns as Columns. In the lanes after the last entry, column and value are 0.
// gather_points<D>(column, points, how, point) loads the points of the columns. Both ways bring the
// same bits.

#if defined(TSNEKIT_FLOATS_AVX512) || defined(TSNEKIT_FLOATS_AVX2)

// The pairs of floats that four columns name, by a load for each.
[[gnu::always_inline]] inline __m256d load_pairs(__m128i column, const double* pairs) {
  const auto load_two = [pairs](std::uint64_t columns) {
    const double* first = pairs + static_cast<std::uint32_t>(columns);
    return _mm_loadh_pd(_mm_load_sd(first), pairs + (columns >> 32));
  };
  const auto low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(column));
  const auto high = static_cast<std::uint64_t>(_mm_extract_epi64(column, 1));
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(load_two(low)), load_two(high), 1);
}

#endif

#if defined(TSNEKIT_FLOATS_AVX512)

using Columns = __m512i;

inline __mmask16 lanes_with(int left) {
  return left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
}

[[gnu::always_inline]] inline void load_entries(const Affinities& p, index_t first, int left,
                                                Columns& column, Floats& value) {
  const __mmask16 mask = lanes_with(left);
  column = _mm512_maskz_loadu_epi32(mask, p.column + first);
  value = _mm512_maskz_loadu_ps(mask, p.value + first);
}

[[gnu::always_inline]] inline void load_entries(const CompactAffinities& p, index_t first, int left,
                                                Columns& column, Floats& value) {
  const __mmask16 mask = lanes_with(left);
  const __m512i word = _mm512_maskz_loadu_epi32(mask, p.word + first);
  const __m512i tail = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, p.tail + first));
  const __m512i low = _mm512_set1_epi32(column_bits);
  column = _mm512_and_si512(word, low);
  const __m512i exponent = _mm512_srli_epi32(_mm512_andnot_si512(low, word), 1);
  value = _mm512_castsi512_ps(_mm512_or_si512(exponent, _mm512_slli_epi32(tail, 15)));
}

// The pairs of floats that eight columns name, by a load for each.
[[gnu::always_inline]] inline __m512 load_pairs(__m256i column, const double* pairs) {
  return _mm512_castpd_ps(
      _mm512_insertf64x4(_mm512_castpd256_pd512(load_pairs(_mm256_castsi256_si128(column), pairs)),
                         load_pairs(_mm256_extracti128_si256(column, 1), pairs), 1));
}

template <int D>
[[gnu::always_inline]] inline void gather_points(Columns column, const float* points, Loading how,
                                                 Floats (&point)[D]) {
  if constexpr (D == 1) {
    point[0] = _mm512_i32gather_ps(column, points, 4);
  } else if constexpr (D == 2) {
    // One load of 64 bits brings both coordinates of a point.
    const double* pairs = reinterpret_cast<const double*>(points);
    const auto load = [&](__m256i eight) {
      return how == Loading::one_by_one ? load_pairs(eight, pairs)
                                        : _mm512_castpd_ps(_mm512_i32gather_pd(eight, pairs, 8));
    };
    const __m512 low = load(_mm512_castsi512_si256(column));
    const __m512 high = load(_mm512_extracti32x8_epi32(column, 1));
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    point[0] = _mm512_permutex2var_ps(low, even, high);
    point[1] = _mm512_permutex2var_ps(low, odd, high);
  } else {
    const __m512i triples = _mm512_mullo_epi32(column, _mm512_set1_epi32(3));
    for (int c = 0; c < D; ++c) point[c] = _mm512_i32gather_ps(triples, points + c, 4);
  }
}

#elif defined(TSNEKIT_FLOATS_AVX2)

using Columns = __m256i;

inline __m256i lanes_with(int left) {
  const __m256i lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(left), lanes);
}

[[gnu::always_inline]] inline void load_entries(const Affinities& p, index_t first, int left,
                                                Columns& column, Floats& value) {
  const __m256i mask = lanes_with(left);
  column = _mm256_maskload_epi32(p.column + first, mask);
  value = _mm256_maskload_ps(p.value + first, mask);
}

[[gnu::always_inline]] inline void load_entries(const CompactAffinities& p, index_t first, int left,
                                                Columns& column, Floats& value) {
  const int* words = reinterpret_cast<const int*>(p.word + first);
  const __m256i word = _mm256_maskload_epi32(words, lanes_with(left));
  // AVX2 has no masked load of bytes.
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, p.tail + first, left >= 8 ? 8 : static_cast<std::size_t>(left));
  const __m256i tail = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<__m128i*>(&bytes)));
  const __m256i low = _mm256_set1_epi32(column_bits);
  column = _mm256_and_si256(word, low);
  const __m256i exponent = _mm256_srli_epi32(_mm256_andnot_si256(low, word), 1);
  value = _mm256_castsi256_ps(_mm256_or_si256(exponent, _mm256_slli_epi32(tail, 15)));
}

template <int D>
[[gnu::always_inline]] inline void gather_points(Columns column, const float* points, Loading how,
                                                 Floats (&point)[D]) {
  if constexpr (D == 1) {
    point[0] = _mm256_i32gather_ps(points, column, 4);
  } else if constexpr (D == 2) {
    // One load of 64 bits brings both coordinates of a point.
    const double* pairs = reinterpret_cast<const double*>(points);
    const auto load = [&](__m128i four) {
      return _mm256_castpd_ps(how == Loading::one_by_one ? load_pairs(four, pairs)
                                                         : _mm256_i32gather_pd(pairs, four, 8));
    };
    const __m256 low = load(_mm256_castsi256_si128(column));
    const __m256 high = load(_mm256_extracti128_si256(column, 1));
    const auto in_order = [](__m256 x) {
      return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
    };
    point[0] = in_order(_mm256_shuffle_ps(low, high, 0x88));
    point[1] = in_order(_mm256_shuffle_ps(low, high, 0xdd));
  } else {
    const __m256i triples = _mm256_mullo_epi32(column, _mm256_set1_epi32(3));
    for (int c = 0; c < D; ++c) point[c] = _mm256_i32gather_ps(points + c, triples, 4);
  }
}

#else

struct Columns {
  std::int32_t v[Floats::width];
};

template <class Source>
[[gnu::always_inline]] inline void load_entries(const Source& p, index_t first, int left,
                                                Columns& column, Floats& value) {
  for (int k = 0; k < Floats::width; ++k) column.v[k] = k < left ? column_at(p, first + k) : 0;
  value = lanewise([&](int k) { return k < left ? value_at(p, first + k) : 0.0f; });
}

template <int D>
[[gnu::always_inline]] inline void gather_points(const Columns& column, const float* points,
                                                 Loading, Floats (&point)[D]) {
  for (int c = 0; c < D; ++c) {
    point[c] = lanewise([&](int k) { return points[static_cast<index_t>(column.v[k]) * D + c]; });
  }
}

#endif

}  // namespace tsnekit::TSNEKIT_ISA
