// Fast Fourier transforms of many lines side by side (Stockham, decimation in frequency).
//
// An element of a line is L lanes of real parts and L lanes of imaginary parts. Lanes are
// independent transforms, so that every operation works on whole vectors.
#pragma once

#include <utility>

#include "kernels/grid/fourier.hpp"

namespace tsnekit::TSNEKIT_ISA {

// Element j has its real parts at re + j * stride and its imaginary parts at im + j * stride.
struct Lines {
  float* re;
  float* im;
  index_t stride;
};

template <int R>
struct Complexes {
  float re[R];
  float im[R];
};

// The discrete Fourier transform of R values in registers.
template <int R, bool Inverse>
inline Complexes<R> transform(const Complexes<R>& a) {
  constexpr float sign = Inverse ? -1.0f : 1.0f;
  Complexes<R> b;
  if constexpr (R == 2) {
    b.re[0] = a.re[0] + a.re[1];
    b.im[0] = a.im[0] + a.im[1];
    b.re[1] = a.re[0] - a.re[1];
    b.im[1] = a.im[0] - a.im[1];
  } else if constexpr (R == 3) {
    constexpr float s = sign * 0.866025403784438647f;
    const float tr = a.re[1] + a.re[2], ti = a.im[1] + a.im[2];
    const float ur = s * (a.im[1] - a.im[2]), ui = s * (a.re[2] - a.re[1]);
    const float mr = a.re[0] - 0.5f * tr, mi = a.im[0] - 0.5f * ti;
    b.re[0] = a.re[0] + tr;
    b.im[0] = a.im[0] + ti;
    b.re[1] = mr + ur;
    b.im[1] = mi + ui;
    b.re[2] = mr - ur;
    b.im[2] = mi - ui;
  } else if constexpr (R == 4) {
    const float pr = a.re[0] + a.re[2], pi = a.im[0] + a.im[2];
    const float qr = a.re[0] - a.re[2], qi = a.im[0] - a.im[2];
    const float rr = a.re[1] + a.re[3], ri = a.im[1] + a.im[3];
    const float sr = sign * (a.im[1] - a.im[3]), si = sign * (a.re[3] - a.re[1]);
    b.re[0] = pr + rr;
    b.im[0] = pi + ri;
    b.re[1] = qr + sr;
    b.im[1] = qi + si;
    b.re[2] = pr - rr;
    b.im[2] = pi - ri;
    b.re[3] = qr - sr;
    b.im[3] = qi - si;
  } else if constexpr (R == 5) {
    constexpr float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f;
    constexpr float s1 = sign * 0.951056516295153572f, s2 = sign * 0.587785252292473129f;
    const float pr = a.re[1] + a.re[4], pi = a.im[1] + a.im[4];
    const float qr = a.im[1] - a.im[4], qi = a.re[4] - a.re[1];
    const float rr = a.re[2] + a.re[3], ri = a.im[2] + a.im[3];
    const float tr = a.im[2] - a.im[3], ti = a.re[3] - a.re[2];
    const float m1r = a.re[0] + c1 * pr + c2 * rr, m1i = a.im[0] + c1 * pi + c2 * ri;
    const float m2r = a.re[0] + c2 * pr + c1 * rr, m2i = a.im[0] + c2 * pi + c1 * ri;
    const float n1r = s1 * qr + s2 * tr, n1i = s1 * qi + s2 * ti;
    const float n2r = s2 * qr - s1 * tr, n2i = s2 * qi - s1 * ti;
    b.re[0] = a.re[0] + pr + rr;
    b.im[0] = a.im[0] + pi + ri;
    b.re[1] = m1r + n1r;
    b.im[1] = m1i + n1i;
    b.re[2] = m2r + n2r;
    b.im[2] = m2i + n2i;
    b.re[3] = m2r - n2r;
    b.im[3] = m2i - n2i;
    b.re[4] = m1r - n1r;
    b.im[4] = m1i - n1i;
  } else {
    static_assert(R == 6);
    // Two transforms of length 3, over even and odd values. No twiddles are needed between them,
    // only another order, because 2 and 3 are coprime.
    const Complexes<3> u = transform<3, Inverse>(
        Complexes<3>{{a.re[0], a.re[2], a.re[4]}, {a.im[0], a.im[2], a.im[4]}});
    const Complexes<3> v = transform<3, Inverse>(
        Complexes<3>{{a.re[3], a.re[5], a.re[1]}, {a.im[3], a.im[5], a.im[1]}});
    for (int k = 0; k < 3; ++k) {
      const int even = (4 * k) % 6;
      const int odd = (4 * k + 3) % 6;
      b.re[even] = u.re[k] + v.re[k];
      b.im[even] = u.im[k] + v.im[k];
      b.re[odd] = u.re[k] - v.re[k];
      b.im[odd] = u.im[k] - v.im[k];
    }
  }
  return b;
}

// What is known about the lines: the upper half of the input is zero, or the upper half of the
// output is not wanted.
enum class Half { none, input, output };

// One butterfly. The inputs in x are `step` apart, the outputs in y are `out_step` apart, times the
// twiddles.
template <int R, bool Inverse, Half H>
inline void butterfly(const float* xr, const float* xi, index_t step, float* yr, float* yi,
                      index_t out_step, const Complexes<R>& w) {
  Complexes<R> a;
  for (int k = 0; k < R; ++k) {
    const bool zero = H == Half::input && 2 * k >= R;
    a.re[k] = zero ? 0.0f : xr[k * step];
    a.im[k] = zero ? 0.0f : xi[k * step];
  }
  const Complexes<R> b = transform<R, Inverse>(a);
  yr[0] = b.re[0];
  yi[0] = b.im[0];
  for (int k = 1; k < (H == Half::output ? R / 2 : R); ++k) {
    yr[k * out_step] = H == Half::output ? b.re[k] : b.re[k] * w.re[k] - b.im[k] * w.im[k];
    yi[k * out_step] = H == Half::output ? b.im[k] : b.re[k] * w.im[k] + b.im[k] * w.re[k];
  }
}

// One pass of radix R over lines of n elements. s is the product of the radices of earlier passes.
template <int R, int L, bool Inverse, Half H>
void fourier_pass(index_t n, index_t s, const float* twiddle, Lines x, Lines y) {
  const index_t m = n / (R * s);
  for (index_t p = 0; p < m; ++p) {
    Complexes<R> w;
    for (int k = 1; k < R; ++k) {
      const float* root = twiddle + 2 * p * k * s;
      w.re[k] = root[0];
      w.im[k] = Inverse ? root[1] : -root[1];
    }
    const index_t from = p * s * x.stride;
    const index_t to = p * R * s * y.stride;
    const index_t step = m * s * x.stride;
    const index_t out_step = s * y.stride;
    const float* xr = x.re + from;
    const float* xi = x.im + from;
    float* yr = y.re + to;
    float* yi = y.im + to;
    if constexpr (L == 1) {
#pragma omp simd
      for (index_t q = 0; q < s; ++q) {
        butterfly<R, Inverse, H>(xr + q, xi + q, step, yr + q, yi + q, out_step, w);
      }
    } else {
      for (index_t q = 0; q < s; ++q) {
#pragma omp simd
        for (int l = 0; l < L; ++l) {
          butterfly<R, Inverse, H>(xr + l, xi + l, step, yr + l, yi + l, out_step, w);
        }
        xr += x.stride;
        xi += x.stride;
        yr += y.stride;
        yi += y.stride;
      }
    }
  }
}

template <int L, bool Inverse, Half H>
void fourier_pass(int radix, index_t n, index_t s, const float* twiddle, Lines x, Lines y) {
  switch (radix) {
    case 2: return fourier_pass<2, L, Inverse, H>(n, s, twiddle, x, y);
    case 4: return fourier_pass<4, L, Inverse, H>(n, s, twiddle, x, y);
    case 6: return fourier_pass<6, L, Inverse, H>(n, s, twiddle, x, y);
    default: break;
  }
  if constexpr (H == Half::none) {
    switch (radix) {
      case 3: return fourier_pass<3, L, Inverse, H>(n, s, twiddle, x, y);
      default: return fourier_pass<5, L, Inverse, H>(n, s, twiddle, x, y);
    }
  }
}

// Transforms lines from x to y, through two scratch lines. The upper half of x is zero.
template <int L>
void forward_lines(const FourierPlan& plan, Lines x, Lines y, Lines scratch, Lines other) {
  index_t s = 1;
  for (int i = 0; i < plan.n_radices; ++i) {
    const int radix = plan.radices[i];
    const Lines to = i + 1 < plan.n_radices ? scratch : y;
    if (i == 0) {
      fourier_pass<L, false, Half::input>(radix, plan.n, s, plan.twiddle, x, to);
    } else {
      fourier_pass<L, false, Half::none>(radix, plan.n, s, plan.twiddle, x, to);
    }
    s *= radix;
    x = to;
    std::swap(scratch, other);
  }
}

// The inverse, from x to y. Only the lower half of y is wanted.
template <int L>
void inverse_lines(const FourierPlan& plan, Lines x, Lines y, Lines scratch, Lines other) {
  index_t s = 1;
  for (int i = plan.n_radices - 1; i > 0; --i) {
    fourier_pass<L, true, Half::none>(plan.radices[i], plan.n, s, plan.twiddle, x, scratch);
    s *= plan.radices[i];
    x = scratch;
    std::swap(scratch, other);
  }
  fourier_pass<L, true, Half::output>(plan.radices[0], plan.n, s, plan.twiddle, x, y);
}

}  // namespace tsnekit::TSNEKIT_ISA
