// Fast Fourier transforms of many lines side by side (Stockham, decimation in frequency).
//
// A line's element j is L lanes of real parts at [j * L] of one plane, and as many imaginary parts
// in a second plane. Lanes are independent transforms, so every operation is a whole vector.
#pragma once

#include <array>
#include <vector>

#include "kernels/fourier.hpp"

namespace tsnekit::TSNEKIT_ISA {

struct Lines {
  float* re;
  float* im;
};

// One butterfly: R inputs `step` apart from `x` become R outputs `out_step` apart in `y`, output j
// multiplied by twiddle w[j].
template <int R, bool Inverse>
inline void butterfly(const float* xr, const float* xi, index_t step, float* yr, float* yi,
                      index_t out_step, const float* wr, const float* wi) {
  constexpr float sign = Inverse ? -1.0f : 1.0f;
  float ar[R], ai[R], br[R], bi[R];
  for (int k = 0; k < R; ++k) {
    ar[k] = xr[k * step];
    ai[k] = xi[k * step];
  }
  if constexpr (R == 2) {
    br[0] = ar[0] + ar[1];
    bi[0] = ai[0] + ai[1];
    br[1] = ar[0] - ar[1];
    bi[1] = ai[0] - ai[1];
  } else if constexpr (R == 3) {
    constexpr float s = sign * 0.866025403784438647f;
    const float tr = ar[1] + ar[2], ti = ai[1] + ai[2];
    const float ur = s * (ai[1] - ai[2]), ui = s * (ar[2] - ar[1]);
    const float mr = ar[0] - 0.5f * tr, mi = ai[0] - 0.5f * ti;
    br[0] = ar[0] + tr;
    bi[0] = ai[0] + ti;
    br[1] = mr + ur;
    bi[1] = mi + ui;
    br[2] = mr - ur;
    bi[2] = mi - ui;
  } else if constexpr (R == 4) {
    const float pr = ar[0] + ar[2], pi = ai[0] + ai[2];
    const float qr = ar[0] - ar[2], qi = ai[0] - ai[2];
    const float rr = ar[1] + ar[3], ri = ai[1] + ai[3];
    const float sr = sign * (ai[1] - ai[3]), si = sign * (ar[3] - ar[1]);
    br[0] = pr + rr;
    bi[0] = pi + ri;
    br[1] = qr + sr;
    bi[1] = qi + si;
    br[2] = pr - rr;
    bi[2] = pi - ri;
    br[3] = qr - sr;
    bi[3] = qi - si;
  } else {
    static_assert(R == 5);
    constexpr float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f;
    constexpr float s1 = sign * 0.951056516295153572f, s2 = sign * 0.587785252292473129f;
    const float pr = ar[1] + ar[4], pi = ai[1] + ai[4];
    const float qr = ai[1] - ai[4], qi = ar[4] - ar[1];
    const float rr = ar[2] + ar[3], ri = ai[2] + ai[3];
    const float tr = ai[2] - ai[3], ti = ar[3] - ar[2];
    const float m1r = ar[0] + c1 * pr + c2 * rr, m1i = ai[0] + c1 * pi + c2 * ri;
    const float m2r = ar[0] + c2 * pr + c1 * rr, m2i = ai[0] + c2 * pi + c1 * ri;
    const float n1r = s1 * qr + s2 * tr, n1i = s1 * qi + s2 * ti;
    const float n2r = s2 * qr - s1 * tr, n2i = s2 * qi - s1 * ti;
    br[0] = ar[0] + pr + rr;
    bi[0] = ai[0] + pi + ri;
    br[1] = m1r + n1r;
    bi[1] = m1i + n1i;
    br[2] = m2r + n2r;
    bi[2] = m2i + n2i;
    br[3] = m2r - n2r;
    bi[3] = m2i - n2i;
    br[4] = m1r - n1r;
    bi[4] = m1i - n1i;
  }
  yr[0] = br[0];
  yi[0] = bi[0];
  for (int k = 1; k < R; ++k) {
    yr[k * out_step] = br[k] * wr[k] - bi[k] * wi[k];
    yi[k * out_step] = br[k] * wi[k] + bi[k] * wr[k];
  }
}

// One pass of radix R over lines of n elements, `s` of them already transformed side by side.
template <int R, int L, bool Inverse>
void fourier_pass(index_t n, index_t s, const float* twiddle, Lines x, Lines y) {
  const index_t m = n / (R * s);
  const index_t run = s * L;
  for (index_t p = 0; p < m; ++p) {
    float wr[R], wi[R];
    for (int k = 1; k < R; ++k) {
      const float* w = twiddle + 2 * p * k * s;
      wr[k] = w[0];
      wi[k] = Inverse ? w[1] : -w[1];
    }
    const float* xr = x.re + p * run;
    const float* xi = x.im + p * run;
    float* yr = y.re + p * R * run;
    float* yi = y.im + p * R * run;
    if constexpr (L == 1) {
#pragma omp simd
      for (index_t q = 0; q < run; ++q) {
        butterfly<R, Inverse>(xr + q, xi + q, m * run, yr + q, yi + q, run, wr, wi);
      }
    } else {
      for (index_t q = 0; q < run; q += L) {
#pragma omp simd
        for (int l = 0; l < L; ++l) {
          butterfly<R, Inverse>(xr + q + l, xi + q + l, m * run, yr + q + l, yi + q + l, run, wr,
                                wi);
        }
      }
    }
  }
}

// Transforms lines of n elements from x, which is overwritten; returns where the result is, x or y.
template <int L, bool Inverse>
Lines fourier_lines(index_t n, const float* twiddle, Lines x, Lines y) {
  const auto swap_after = [&](auto&& pass) {
    pass();
    std::swap(x, y);
  };
  index_t s = 1;
  while (s < n) {
    const index_t left = n / s;
    if (left % 4 == 0) {
      swap_after([&] { fourier_pass<4, L, Inverse>(n, s, twiddle, x, y); });
      s *= 4;
    } else if (left % 2 == 0) {
      swap_after([&] { fourier_pass<2, L, Inverse>(n, s, twiddle, x, y); });
      s *= 2;
    } else if (left % 3 == 0) {
      swap_after([&] { fourier_pass<3, L, Inverse>(n, s, twiddle, x, y); });
      s *= 3;
    } else {
      swap_after([&] { fourier_pass<5, L, Inverse>(n, s, twiddle, x, y); });
      s *= 5;
    }
  }
  return x;
}

}  // namespace tsnekit::TSNEKIT_ISA
