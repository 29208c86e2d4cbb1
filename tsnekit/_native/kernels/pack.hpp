// A pack of floats that one instruction works on, for kernels that need more than the loops that
// compilers vectorise by themselves: reciprocals by estimate, and powers.
//
// Include it in kernels/*.cpp only: the type differs between instruction sets and lives in their
// namespaces.
#pragma once

#include <algorithm>
#include <bitset>
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define TSNEKIT_PACK_AVX512
#include <immintrin.h>
#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))
#define TSNEKIT_PACK_AVX2
#include <immintrin.h>
#endif

namespace tsnekit::TSNEKIT_ISA {

#if defined(TSNEKIT_PACK_AVX512)

struct Pack {
  static constexpr int width = 16;
  __m512 v;

  Pack(__m512 value) : v(value) {}
  Pack() = default;
  explicit Pack(float value) : v(_mm512_set1_ps(value)) {}
  static Pack load(const float* p) { return _mm512_loadu_ps(p); }
  static Pack load(const std::int32_t* p) { return _mm512_castsi512_ps(_mm512_loadu_si512(p)); }
};

inline Pack operator+(Pack a, Pack b) { return _mm512_add_ps(a.v, b.v); }
inline Pack operator-(Pack a, Pack b) { return _mm512_sub_ps(a.v, b.v); }
inline Pack operator*(Pack a, Pack b) { return _mm512_mul_ps(a.v, b.v); }
inline Pack max(Pack a, Pack b) { return _mm512_max_ps(a.v, b.v); }
inline Pack min(Pack a, Pack b) { return _mm512_min_ps(a.v, b.v); }
inline void store(Pack a, float* p) { _mm512_storeu_ps(p, a.v); }
inline float total(Pack a) { return _mm512_reduce_add_ps(a.v); }
// a * b + c
inline Pack multiply_add(Pack a, Pack b, Pack c) { return _mm512_fmadd_ps(a.v, b.v, c.v); }
// c - a * b
inline Pack subtract_product(Pack c, Pack a, Pack b) { return _mm512_fnmadd_ps(a.v, b.v, c.v); }
// A reciprocal to some bits.
inline Pack reciprocal_estimate(Pack x) { return _mm512_rcp14_ps(x.v); }
// Lanes as bits: those where a <= b, and those whose sign is set.
inline unsigned at_most(Pack a, Pack b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ); }
inline unsigned negative(Pack x) { return _mm512_movepi32_mask(_mm512_castps_si512(x.v)); }
// Writes the lanes whose bit is set side by side, and anything after them; a whole pack is written.
template <class T>
void store_selected(T* out, Pack x, unsigned lanes) {
  _mm512_storeu_ps(out, _mm512_maskz_compress_ps(static_cast<__mmask16>(lanes), x.v));
}
// The exponent of a positive normal number, and the multiplication by 2^n for an integral n.
inline Pack exponent(Pack x) { return _mm512_getexp_ps(x.v); }
inline Pack scale(Pack x, Pack n) { return _mm512_scalef_ps(x.v, n.v); }

inline __m128 fold(Pack x) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#elif defined(TSNEKIT_PACK_AVX2)

struct Pack {
  static constexpr int width = 8;
  __m256 v;

  Pack(__m256 value) : v(value) {}
  Pack() = default;
  explicit Pack(float value) : v(_mm256_set1_ps(value)) {}
  static Pack load(const float* p) { return _mm256_loadu_ps(p); }
  static Pack load(const std::int32_t* p) {
    return _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
};

inline Pack operator+(Pack a, Pack b) { return _mm256_add_ps(a.v, b.v); }
inline Pack operator-(Pack a, Pack b) { return _mm256_sub_ps(a.v, b.v); }
inline Pack operator*(Pack a, Pack b) { return _mm256_mul_ps(a.v, b.v); }
inline Pack max(Pack a, Pack b) { return _mm256_max_ps(a.v, b.v); }
inline Pack min(Pack a, Pack b) { return _mm256_min_ps(a.v, b.v); }
inline void store(Pack a, float* p) { _mm256_storeu_ps(p, a.v); }
inline Pack multiply_add(Pack a, Pack b, Pack c) { return _mm256_fmadd_ps(a.v, b.v, c.v); }
inline Pack subtract_product(Pack c, Pack a, Pack b) { return _mm256_fnmadd_ps(a.v, b.v, c.v); }
inline Pack reciprocal_estimate(Pack x) { return _mm256_rcp_ps(x.v); }
inline unsigned at_most(Pack a, Pack b) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)));
}
inline unsigned negative(Pack x) { return static_cast<unsigned>(_mm256_movemask_ps(x.v)); }

// For each selection of lanes, their numbers side by side.
struct LaneTable {
  unsigned char lane[256][8];
};

constexpr LaneTable make_lane_table() {
  LaneTable table{};
  for (int lanes = 0; lanes < 256; ++lanes) {
    int count = 0;
    for (int k = 0; k < 8; ++k) {
      if (lanes >> k & 1) table.lane[lanes][count++] = static_cast<unsigned char>(k);
    }
  }
  return table;
}

inline constexpr LaneTable lane_table = make_lane_table();

template <class T>
void store_selected(T* out, Pack x, unsigned lanes) {
  const auto* row = reinterpret_cast<const __m128i*>(lane_table.lane[lanes]);
  const __m256i lane = _mm256_cvtepu8_epi32(_mm_loadl_epi64(row));
  _mm256_storeu_ps(reinterpret_cast<float*>(out), _mm256_permutevar8x32_ps(x.v, lane));
}

inline Pack exponent(Pack x) {
  const __m256i biased = _mm256_srli_epi32(_mm256_castps_si256(x.v), 23);
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(biased, _mm256_set1_epi32(127)));
}

inline Pack scale(Pack x, Pack n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return _mm256_mul_ps(x.v, _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23)));
}

inline __m128 fold(Pack x) {
  return _mm_add_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
}

inline float total(Pack a) {
  const __m128 four = fold(a);
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#else

// Short loops of fixed length, which compilers turn into the vectors that the machine has.
struct Pack {
  static constexpr int width = 4;
  alignas(16) float v[width];

  Pack() = default;
  explicit Pack(float value) { std::fill(v, v + width, value); }
  template <class T>
  static Pack load(const T* p) {
    static_assert(sizeof(T) == sizeof(float));
    Pack out;
    std::memcpy(out.v, p, sizeof out.v);
    return out;
  }
};

template <class Op>
[[gnu::always_inline]] inline Pack lanewise(Op&& op) {
  Pack out;
#pragma omp simd
  for (int k = 0; k < Pack::width; ++k) out.v[k] = op(k);
  return out;
}

[[gnu::always_inline]] inline Pack operator+(const Pack& a, const Pack& b) {
  return lanewise([&](int k) { return a.v[k] + b.v[k]; });
}
[[gnu::always_inline]] inline Pack operator-(const Pack& a, const Pack& b) {
  return lanewise([&](int k) { return a.v[k] - b.v[k]; });
}
[[gnu::always_inline]] inline Pack operator*(const Pack& a, const Pack& b) {
  return lanewise([&](int k) { return a.v[k] * b.v[k]; });
}
[[gnu::always_inline]] inline Pack max(const Pack& a, const Pack& b) {
  return lanewise([&](int k) { return a.v[k] > b.v[k] ? a.v[k] : b.v[k]; });
}
[[gnu::always_inline]] inline Pack min(const Pack& a, const Pack& b) {
  return lanewise([&](int k) { return a.v[k] < b.v[k] ? a.v[k] : b.v[k]; });
}
inline void store(const Pack& a, float* p) { std::memcpy(p, a.v, sizeof a.v); }
inline float total(const Pack& a) {
  float sum = 0.0f;
  for (const float lane : a.v) sum += lane;
  return sum;
}
[[gnu::always_inline]] inline Pack multiply_add(const Pack& a, const Pack& b, const Pack& c) {
  return lanewise([&](int k) { return a.v[k] * b.v[k] + c.v[k]; });
}
[[gnu::always_inline]] inline Pack subtract_product(const Pack& c, const Pack& a, const Pack& b) {
  return lanewise([&](int k) { return c.v[k] - a.v[k] * b.v[k]; });
}
[[gnu::always_inline]] inline Pack reciprocal_estimate(const Pack& x) {
  return lanewise([&](int k) { return 1.0f / x.v[k]; });
}

inline unsigned at_most(const Pack& a, const Pack& b) {
  unsigned lanes = 0;
  for (int k = 0; k < Pack::width; ++k) lanes |= static_cast<unsigned>(a.v[k] <= b.v[k]) << k;
  return lanes;
}
inline unsigned negative(const Pack& x) {
  std::uint32_t bits[Pack::width];  // std::signbit would be taken for x < 0, false for NaN
  std::memcpy(bits, x.v, sizeof bits);
  unsigned lanes = 0;
  for (int k = 0; k < Pack::width; ++k) lanes |= bits[k] >> 31 << k;
  return lanes;
}

template <class T>
void store_selected(T* out, const Pack& x, unsigned lanes) {
  static_assert(sizeof(T) == sizeof(float));
  for (int k = 0; k < Pack::width; ++k) {
    std::memcpy(out, &x.v[k], sizeof(T));
    out += lanes >> k & 1;
  }
}

[[gnu::always_inline]] inline Pack exponent(const Pack& x) {
  std::int32_t bits[Pack::width];
  std::memcpy(bits, x.v, sizeof bits);
  return lanewise([&](int k) { return static_cast<float>((bits[k] >> 23) - 127); });
}

[[gnu::always_inline]] inline Pack scale(const Pack& x, const Pack& n) {
  std::int32_t bits[Pack::width];
#pragma omp simd
  for (int k = 0; k < Pack::width; ++k) {
    bits[k] = (static_cast<std::int32_t>(n.v[k]) + 127) * (1 << 23);
  }
  Pack power;
  std::memcpy(power.v, bits, sizeof bits);
  return x * power;
}

#endif

// 1 / x to the last bits, for a positive x whose reciprocal is a normal number.
[[gnu::always_inline]] inline Pack reciprocal(const Pack& x) {
#if defined(TSNEKIT_PACK_AVX512) || defined(TSNEKIT_PACK_AVX2)
  const Pack r = reciprocal_estimate(x);
  return multiply_add(r, subtract_product(Pack(1.0f), x, r), r);
#else
  return reciprocal_estimate(x);
#endif
}

// How many lanes are selected, and the first lanes up to a number.
inline int count(unsigned lanes) { return static_cast<int>(std::bitset<32>(lanes).count()); }
inline unsigned first_lanes(std::int64_t number) {
  return number >= Pack::width ? (1u << Pack::width) - 1 : (1u << number) - 1;
}

// The sums over the lanes of four packs.
inline void sums(const Pack& a, const Pack& b, const Pack& c, const Pack& d, float* out) {
#if defined(TSNEKIT_PACK_AVX512) || defined(TSNEKIT_PACK_AVX2)
  __m128 w = fold(a), x = fold(b), y = fold(c), z = fold(d);
  _MM_TRANSPOSE4_PS(w, x, y, z);
  _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(w, x), _mm_add_ps(y, z)));
#else
  out[0] = out[1] = out[2] = out[3] = 0.0f;
  for (int k = 0; k < Pack::width; ++k) {
    out[0] += a.v[k];
    out[1] += b.v[k];
    out[2] += c.v[k];
    out[3] += d.v[k];
  }
#endif
}

// Logarithm to base 2 of positive normal numbers; the absolute error is about a rounding of the
// result, and it is 0 at 1.
[[gnu::always_inline]] inline Pack log2(const Pack& x) {
  // x = 2^e m with m in [3/4, 3/2), and log m = 2 artanh t.
  const Pack e = exponent(x * Pack(4.0f / 3.0f));
  const Pack m = scale(x, Pack(0.0f) - e);
  const Pack t = (m - Pack(1.0f)) * reciprocal(m + Pack(1.0f));
  const Pack s = t * t;
  Pack series = multiply_add(s, Pack(1.0f / 9), Pack(1.0f / 7));
  series = multiply_add(s, series, Pack(1.0f / 5));
  series = multiply_add(s, series, Pack(1.0f / 3));
  series = multiply_add(s, series, Pack(1.0f));
  return multiply_add(t * series, Pack(2.8853900817779268f), e);
}

// 2^x for x of at most 127; below -126 it stays at 2^-126.
[[gnu::always_inline]] inline Pack exp2(const Pack& x) {
  const Pack bounded = max(x, Pack(-126.0f));
  const Pack magic(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const Pack n = (bounded + magic) - magic;
  const Pack r = bounded - n;
  Pack series(1.5252733804059841e-05f);  // log(2)^k / k!, from k = 7 down
  series = multiply_add(series, r, Pack(1.5403530393381606e-04f));
  series = multiply_add(series, r, Pack(1.3333558146428443e-03f));
  series = multiply_add(series, r, Pack(9.6181291076284772e-03f));
  series = multiply_add(series, r, Pack(5.5504108664821580e-02f));
  series = multiply_add(series, r, Pack(2.4022650695910072e-01f));
  series = multiply_add(series, r, Pack(6.9314718055994531e-01f));
  series = multiply_add(series, r, Pack(1.0f));
  return scale(series, n);
}

}  // namespace tsnekit::TSNEKIT_ISA
