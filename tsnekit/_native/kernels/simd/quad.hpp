// Quad: four floats on every instruction set.
//
// A stencil is 1 to 6 weights wide, and a transposition works on 4 x 4 elements. Floats has up to
// sixteen lanes, and most of them would be empty.
#pragma once

#include <cstring>

namespace tsnekit::TSNEKIT_ISA {

#if defined(__GNUC__) || defined(__clang__)
using Quad = float __attribute__((vector_size(16)));
#else
struct Quad {
  float lane[4];
};
inline Quad operator+(Quad a, Quad b) {
  for (int k = 0; k < 4; ++k) a.lane[k] += b.lane[k];
  return a;
}
inline Quad operator*(Quad a, Quad b) {
  for (int k = 0; k < 4; ++k) a.lane[k] *= b.lane[k];
  return a;
}
inline Quad operator*(Quad a, float b) {
  for (int k = 0; k < 4; ++k) a.lane[k] *= b;
  return a;
}
#endif

inline Quad load_quad(const float* from) {
  Quad q;
  std::memcpy(&q, from, sizeof q);
  return q;
}

inline void store_quad(float* to, Quad q) { std::memcpy(to, &q, sizeof q); }

// Turns the rows of a 4 x 4 matrix into its columns.
inline void transpose_quads(Quad& a, Quad& b, Quad& c, Quad& d) {
#if defined(__GNUC__) && !defined(__clang__)
  using Index = int __attribute__((vector_size(16)));
  const Quad ab_low = __builtin_shuffle(a, b, Index{0, 4, 1, 5});
  const Quad ab_high = __builtin_shuffle(a, b, Index{2, 6, 3, 7});
  const Quad cd_low = __builtin_shuffle(c, d, Index{0, 4, 1, 5});
  const Quad cd_high = __builtin_shuffle(c, d, Index{2, 6, 3, 7});
  a = __builtin_shuffle(ab_low, cd_low, Index{0, 1, 4, 5});
  b = __builtin_shuffle(ab_low, cd_low, Index{2, 3, 6, 7});
  c = __builtin_shuffle(ab_high, cd_high, Index{0, 1, 4, 5});
  d = __builtin_shuffle(ab_high, cd_high, Index{2, 3, 6, 7});
#else
  float rows[4][4], columns[4][4];
  std::memcpy(rows[0], &a, sizeof a);
  std::memcpy(rows[1], &b, sizeof b);
  std::memcpy(rows[2], &c, sizeof c);
  std::memcpy(rows[3], &d, sizeof d);
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) columns[j][i] = rows[i][j];
  }
  std::memcpy(&a, columns[0], sizeof a);
  std::memcpy(&b, columns[1], sizeof b);
  std::memcpy(&c, columns[2], sizeof c);
  std::memcpy(&d, columns[3], sizeof d);
#endif
}

// Up to 4 N floats, of which the last ones may be padding.
template <int N>
struct Quads {
  Quad part[N] = {};

  static Quads load(const float* from) {
    Quads q;
    for (int i = 0; i < N; ++i) q.part[i] = load_quad(from + 4 * i);
    return q;
  }
  void store(float* to) const {
    for (int i = 0; i < N; ++i) store_quad(to + 4 * i, part[i]);
  }
  Quads& operator+=(const Quads& other) {
    for (int i = 0; i < N; ++i) part[i] = part[i] + other.part[i];
    return *this;
  }
  friend Quads operator*(Quads a, float b) {
    for (int i = 0; i < N; ++i) a.part[i] = a.part[i] * b;
    return a;
  }
  // The products of both, added up to one quad.
  friend Quad partial_dot(const Quads& a, const Quads& b) {
    Quad sum = a.part[0] * b.part[0];
    for (int i = 1; i < N; ++i) sum = sum + a.part[i] * b.part[i];
    return sum;
  }
};

}  // namespace tsnekit::TSNEKIT_ISA
