// Distances of a few queries to a few rows at the same time, for kernels that measure every pair.
#pragma once

#include "kernels/neighbors/row_metric.hpp"

namespace tsnekit::TSNEKIT_ISA {

// Queries, and panels of data, that are measured together: as many as there are registers for sums.
#if defined(__AVX512F__)
constexpr int group = 8, abreast = 2;
#else
constexpr int group = 4, abreast = 1;
#endif

// How rows are written for the scan; one object serves the whole scan.
//
// In most metrics, rows are copied, and the distance is a sum over their features. The square of
// the Euclidean distance is |x|^2 + |y|^2 - 2 x y. It is computed as a product of rows with two
// more features, which takes half as many instructions. Rounding makes the product less accurate.
// The largest error is subtracted from the norms beforehand, so that no sum is above the distance.
// The middle of the data is moved to the origin: norms are then smaller, and rounding errors too.
template <RowMetric M>
class Shape {
 public:
  static constexpr bool is_product = M == RowMetric::squared_euclidean;

  explicit Shape(const Rows& data)
      : features(data.d + (is_product ? 2 : 0)), d_(data.d),
        // The error of sums of d terms in single precision and of differences to the middle, and
        // once more the error of the distance that is compared with the sum.
        kept_(1.0 - (4.0 * data.d + 16.0) * 0x1p-24) {
    if (is_product) find_middle(data);
  }

  int features;

  void write_row(const float* x, float* to, index_t stride) const { write(x, to, stride, 1.0f); }
  void write_query(const float* x, float* to, index_t stride) const { write(x, to, stride, -2.0f); }

  static float term(float a, float b) {
    if constexpr (is_product) return a * b;
    else return TSNEKIT_ISA::term<M>(a, b);
  }

 private:
  void write(const float* x, float* to, index_t stride, float factor) const {
    if constexpr (is_product) {
      double norm = 0.0;
      for (int c = 0; c < d_; ++c) {
        const float value = x[c] - middle_[static_cast<std::size_t>(c)];
        norm += double{value} * value;
        to[c * stride] = factor * value;
      }
      const bool is_query = factor != 1.0f;
      to[(d_ + is_query) * stride] = static_cast<float>(kept_ * norm);
      to[(d_ + !is_query) * stride] = 1.0f;
    } else {
      for (int c = 0; c < d_; ++c) to[c * stride] = x[c];
    }
  }

  // The median of some rows, for each feature. A mean would follow outliers.
  void find_middle(const Rows& data) {
    const index_t count = std::min<index_t>(data.n, 101);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (int c = 0; c < d_; ++c) {
      for (index_t i = 0; i < count; ++i) {
        const float value = data.data[i * data.n / count * d_ + c];
        values[static_cast<std::size_t>(i)] = value == value ? value : 0.0f;
      }
      std::nth_element(values.begin(), values.begin() + count / 2, values.end());
      middle_.push_back(values[static_cast<std::size_t>(count / 2)]);
    }
  }

  int d_;
  double kept_;
  std::vector<float> middle_;
};

// Rows of the data, `lanes` of them side by side, so that one instruction works on all of them.
template <RowMetric M>
class Panels {
 public:
  Panels(const Rows& data, const Shape<M>& shape, int threads)
      : size_(index_t{lanes} * shape.features),
        values_(static_cast<std::size_t>((data.n + lanes - 1) / lanes * size_)) {
    for_blocks(data.n, 4096, threads, [&](index_t, index_t first, index_t last) {
      for (index_t i = first; i < last; ++i) {
        shape.write_row(data.data + i * data.d, values_.data() + i / lanes * size_ + i % lanes, lanes);
      }
    });
  }

  const float* operator[](index_t panel) const { return values_.data() + panel * size_; }

 private:
  index_t size_;
  std::vector<float> values_;
};

// Sums of `group` queries, which are also side by side, with `abreast` panels, into out (group,
// stride).
template <RowMetric M>
void measure(const float* queries, const float* const (&panel)[abreast], int features, float* out,
             index_t stride) {
  float sum[group][abreast][lanes] = {};
  for (int c = 0; c < features; ++c) {
    const float* q = queries + c * group;
    for (int g = 0; g < group; ++g) {
      for (int p = 0; p < abreast; ++p) {
#pragma omp simd
        for (int l = 0; l < lanes; ++l) sum[g][p][l] += Shape<M>::term(q[g], panel[p][c * lanes + l]);
      }
    }
  }
  for (int g = 0; g < group; ++g) {
    std::copy_n(&sum[g][0][0], abreast * lanes, out + g * stride);
  }
}

// The same with the first `used` panels from `panel` on. The rows of `out` have room for `abreast`
// more panels.
template <RowMetric M>
void measure_panels(const float* queries, const Panels<M>& panels, index_t panel, int used,
                    int features, float* out, index_t stride) {
  for (int p = 0; p < used; p += abreast) {
    const float* some[abreast];
    for (int a = 0; a < abreast; ++a) some[a] = panels[panel + std::min(p + a, used - 1)];
    measure<M>(queries, some, features, out + p * lanes, stride);
  }
}

}  // namespace tsnekit::TSNEKIT_ISA
