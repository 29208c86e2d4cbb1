// Floats: as many floats as one instruction works on.
//
// Floats is for loops that compilers do not vectorise well by themselves: loops with estimated
// reciprocals, with lanes that are selected and put side by side, or with gathered points. There
// are two other forms. Plain loops with `#pragma omp simd` are for everything that compilers
// vectorise well. Quad (quad.hpp) is four floats on every instruction set, because a stencil has
// few weights.
//
// Include this header from kernels only. The type differs between instruction sets, and is in the
// namespace of each set.
#pragma once

#include <algorithm>
#include <bitset>
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define TSNEKIT_FLOATS_AVX512
#include <immintrin.h>
#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))
#define TSNEKIT_FLOATS_AVX2
#include <immintrin.h>
#endif

namespace tsnekit::TSNEKIT_ISA {

inline std::int32_t float_bits(float x) {
  std::int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float float_from_bits(std::int32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// 2^n for an integral n from -126 to 127, and some number for any other n.
inline float power_of_two(float n) {
  // The sum has n in its lowest bits. To convert n itself would be undefined if it is NaN.
  const auto bits = static_cast<std::uint32_t>(float_bits(n + 12582912.0f));  // 1.5 * 2^23
  return float_from_bits(static_cast<std::int32_t>((bits - 0x4b400000u + 127u) << 23));
}

constexpr std::int32_t sqrt_half_bits = 0x3f3504f3, mantissa_mask = 0x007fffff;

#if defined(TSNEKIT_FLOATS_AVX512)

struct Floats {
  static constexpr int width = 16;
  __m512 v;

  Floats(__m512 value) : v(value) {}
  Floats() = default;
  explicit Floats(float value) : v(_mm512_set1_ps(value)) {}
  static Floats load(const float* p) { return _mm512_loadu_ps(p); }
  static Floats load(const std::int32_t* p) { return _mm512_castsi512_ps(_mm512_loadu_si512(p)); }
};

inline Floats operator+(Floats a, Floats b) { return _mm512_add_ps(a.v, b.v); }
inline Floats operator-(Floats a, Floats b) { return _mm512_sub_ps(a.v, b.v); }
inline Floats operator*(Floats a, Floats b) { return _mm512_mul_ps(a.v, b.v); }
inline Floats max(Floats a, Floats b) { return _mm512_max_ps(a.v, b.v); }
inline Floats min(Floats a, Floats b) { return _mm512_min_ps(a.v, b.v); }
inline void store(Floats a, float* p) { _mm512_storeu_ps(p, a.v); }
inline float total(Floats a) { return _mm512_reduce_add_ps(a.v); }
// a * b + c
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a.v, b.v, c.v); }
// c - a * b
inline Floats subtract_product(Floats c, Floats a, Floats b) { return _mm512_fnmadd_ps(a.v, b.v, c.v); }
// An estimate of the reciprocal, to some bits.
inline Floats reciprocal_estimate(Floats x) { return _mm512_rcp14_ps(x.v); }
// Lanes as bits: the lanes with a <= b, and the lanes whose sign bit is set.
inline unsigned at_most(Floats a, Floats b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ); }
inline unsigned negative(Floats x) { return _mm512_movepi32_mask(_mm512_castps_si512(x.v)); }
// Writes the lanes whose bit is set side by side. Anything may follow them: all lanes are written.
template <class T>
void store_selected(T* out, Floats x, unsigned lanes) {
  _mm512_storeu_ps(out, _mm512_maskz_compress_ps(static_cast<__mmask16>(lanes), x.v));
}
// Per lane, `yes` where x is below the bound and `no` elsewhere.
inline Floats select_below(Floats x, Floats bound, Floats yes, Floats no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, bound.v, _CMP_LT_OQ), no.v, yes.v);
}
// Splits a positive normal number into 2^exponent and a factor from sqrt(1/2) to sqrt(2), which is
// returned.
inline Floats split(Floats x, Floats& exponent) {
  const __m512i start = _mm512_set1_epi32(sqrt_half_bits);
  const __m512i offset = _mm512_sub_epi32(_mm512_castps_si512(x.v), start);
  exponent = _mm512_cvtepi32_ps(_mm512_srai_epi32(offset, 23));
  const __m512i mantissa = _mm512_and_si512(offset, _mm512_set1_epi32(mantissa_mask));
  return _mm512_castsi512_ps(_mm512_add_epi32(mantissa, start));
}
// x times 2^n for an integral n. The result must be a normal number.
inline Floats scale(Floats x, Floats n) { return _mm512_scalef_ps(x.v, n.v); }

inline __m128 fold(Floats x) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#elif defined(TSNEKIT_FLOATS_AVX2)

struct Floats {
  static constexpr int width = 8;
  __m256 v;

  Floats(__m256 value) : v(value) {}
  Floats() = default;
  explicit Floats(float value) : v(_mm256_set1_ps(value)) {}
  static Floats load(const float* p) { return _mm256_loadu_ps(p); }
  static Floats load(const std::int32_t* p) {
    return _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
};

inline Floats operator+(Floats a, Floats b) { return _mm256_add_ps(a.v, b.v); }
inline Floats operator-(Floats a, Floats b) { return _mm256_sub_ps(a.v, b.v); }
inline Floats operator*(Floats a, Floats b) { return _mm256_mul_ps(a.v, b.v); }
inline Floats max(Floats a, Floats b) { return _mm256_max_ps(a.v, b.v); }
inline Floats min(Floats a, Floats b) { return _mm256_min_ps(a.v, b.v); }
inline void store(Floats a, float* p) { _mm256_storeu_ps(p, a.v); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a.v, b.v, c.v); }
inline Floats subtract_product(Floats c, Floats a, Floats b) { return _mm256_fnmadd_ps(a.v, b.v, c.v); }
inline Floats reciprocal_estimate(Floats x) { return _mm256_rcp_ps(x.v); }
inline unsigned at_most(Floats a, Floats b) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)));
}
inline unsigned negative(Floats x) { return static_cast<unsigned>(_mm256_movemask_ps(x.v)); }

// For each selection of lanes, the numbers of the selected lanes, side by side.
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
void store_selected(T* out, Floats x, unsigned lanes) {
  const auto* row = reinterpret_cast<const __m128i*>(lane_table.lane[lanes]);
  const __m256i lane = _mm256_cvtepu8_epi32(_mm_loadl_epi64(row));
  _mm256_storeu_ps(reinterpret_cast<float*>(out), _mm256_permutevar8x32_ps(x.v, lane));
}

inline Floats select_below(Floats x, Floats bound, Floats yes, Floats no) {
  return _mm256_blendv_ps(no.v, yes.v, _mm256_cmp_ps(x.v, bound.v, _CMP_LT_OQ));
}

inline Floats split(Floats x, Floats& exponent) {
  const __m256i start = _mm256_set1_epi32(sqrt_half_bits);
  const __m256i offset = _mm256_sub_epi32(_mm256_castps_si256(x.v), start);
  exponent = _mm256_cvtepi32_ps(_mm256_srai_epi32(offset, 23));
  const __m256i mantissa = _mm256_and_si256(offset, _mm256_set1_epi32(mantissa_mask));
  return _mm256_castsi256_ps(_mm256_add_epi32(mantissa, start));
}

inline Floats scale(Floats x, Floats n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return _mm256_mul_ps(x.v, _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23)));
}

inline __m128 fold(Floats x) {
  return _mm_add_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
}

inline float total(Floats a) {
  const __m128 four = fold(a);
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#else

// Short loops of fixed length, which compilers turn into the vectors of the machine.
struct Floats {
  static constexpr int width = 4;
  alignas(16) float v[width];

  Floats() = default;
  explicit Floats(float value) { std::fill(v, v + width, value); }
  template <class T>
  static Floats load(const T* p) {
    static_assert(sizeof(T) == sizeof(float));
    Floats out;
    std::memcpy(out.v, p, sizeof out.v);
    return out;
  }
};

template <class Op>
[[gnu::always_inline]] inline Floats lanewise(Op&& op) {
  Floats out;
#pragma omp simd
  for (int k = 0; k < Floats::width; ++k) out.v[k] = op(k);
  return out;
}

[[gnu::always_inline]] inline Floats operator+(const Floats& a, const Floats& b) {
  return lanewise([&](int k) { return a.v[k] + b.v[k]; });
}
[[gnu::always_inline]] inline Floats operator-(const Floats& a, const Floats& b) {
  return lanewise([&](int k) { return a.v[k] - b.v[k]; });
}
[[gnu::always_inline]] inline Floats operator*(const Floats& a, const Floats& b) {
  return lanewise([&](int k) { return a.v[k] * b.v[k]; });
}
[[gnu::always_inline]] inline Floats max(const Floats& a, const Floats& b) {
  return lanewise([&](int k) { return a.v[k] > b.v[k] ? a.v[k] : b.v[k]; });
}
[[gnu::always_inline]] inline Floats min(const Floats& a, const Floats& b) {
  return lanewise([&](int k) { return a.v[k] < b.v[k] ? a.v[k] : b.v[k]; });
}
inline void store(const Floats& a, float* p) { std::memcpy(p, a.v, sizeof a.v); }
inline float total(const Floats& a) {
  float sum = 0.0f;
  for (const float lane : a.v) sum += lane;
  return sum;
}
[[gnu::always_inline]] inline Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
  return lanewise([&](int k) { return a.v[k] * b.v[k] + c.v[k]; });
}
[[gnu::always_inline]] inline Floats subtract_product(const Floats& c, const Floats& a, const Floats& b) {
  return lanewise([&](int k) { return c.v[k] - a.v[k] * b.v[k]; });
}
[[gnu::always_inline]] inline Floats reciprocal_estimate(const Floats& x) {
  return lanewise([&](int k) { return 1.0f / x.v[k]; });
}

inline unsigned at_most(const Floats& a, const Floats& b) {
  unsigned lanes = 0;
  for (int k = 0; k < Floats::width; ++k) lanes |= static_cast<unsigned>(a.v[k] <= b.v[k]) << k;
  return lanes;
}
inline unsigned negative(const Floats& x) {
  std::uint32_t bits[Floats::width];  // std::signbit may be compiled to x < 0, wrong for NaN
  std::memcpy(bits, x.v, sizeof bits);
  unsigned lanes = 0;
  for (int k = 0; k < Floats::width; ++k) lanes |= bits[k] >> 31 << k;
  return lanes;
}

template <class T>
void store_selected(T* out, const Floats& x, unsigned lanes) {
  static_assert(sizeof(T) == sizeof(float));
  for (int k = 0; k < Floats::width; ++k) {
    std::memcpy(out, &x.v[k], sizeof(T));
    out += lanes >> k & 1;
  }
}

[[gnu::always_inline]] inline Floats select_below(const Floats& x, const Floats& bound,
                                                  const Floats& yes, const Floats& no) {
  return lanewise([&](int k) { return x.v[k] < bound.v[k] ? yes.v[k] : no.v[k]; });
}

[[gnu::always_inline]] inline Floats split(const Floats& x, Floats& exponent) {
  std::int32_t bits[Floats::width], mantissa[Floats::width];
  std::memcpy(bits, x.v, sizeof bits);
#pragma omp simd
  for (int k = 0; k < Floats::width; ++k) {
    const std::int32_t offset = static_cast<std::int32_t>(
        static_cast<std::uint32_t>(bits[k]) - static_cast<std::uint32_t>(sqrt_half_bits));
    exponent.v[k] = static_cast<float>(offset >> 23);
    mantissa[k] = (offset & mantissa_mask) + sqrt_half_bits;
  }
  Floats factor;
  std::memcpy(factor.v, mantissa, sizeof mantissa);
  return factor;
}

[[gnu::always_inline]] inline Floats scale(const Floats& x, const Floats& n) {
  return x * lanewise([&](int k) { return power_of_two(n.v[k]); });
}

#endif

// 1 / x, accurate to the last bits, for a positive x whose reciprocal is a normal number.
[[gnu::always_inline]] inline Floats reciprocal(const Floats& x) {
#if defined(TSNEKIT_FLOATS_AVX512) || defined(TSNEKIT_FLOATS_AVX2)
  const Floats r = reciprocal_estimate(x);
  return multiply_add(r, subtract_product(Floats(1.0f), x, r), r);
#else
  return reciprocal_estimate(x);
#endif
}

// The number of selected lanes, and the selection of the first `number` lanes.
inline int count(unsigned lanes) { return static_cast<int>(std::bitset<32>(lanes).count()); }
inline unsigned first_lanes(std::int64_t number) {
  return number >= Floats::width ? (1u << Floats::width) - 1 : (1u << number) - 1;
}

// The sums over the lanes of a, b, c and d.
inline void sums(const Floats& a, const Floats& b, const Floats& c, const Floats& d, float* out) {
#if defined(TSNEKIT_FLOATS_AVX512) || defined(TSNEKIT_FLOATS_AVX2)
  __m128 w = fold(a), x = fold(b), y = fold(c), z = fold(d);
  _MM_TRANSPOSE4_PS(w, x, y, z);
  _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(w, x), _mm_add_ps(y, z)));
#else
  out[0] = out[1] = out[2] = out[3] = 0.0f;
  for (int k = 0; k < Floats::width; ++k) {
    out[0] += a.v[k];
    out[1] += b.v[k];
    out[2] += c.v[k];
    out[3] += d.v[k];
  }
#endif
}

}  // namespace tsnekit::TSNEKIT_ISA
