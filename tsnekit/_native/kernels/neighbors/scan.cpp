#include "kernels/neighbors/scan.hpp"

#include "kernels/neighbors/row_metric.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

// Queries, and panels of data, that are measured together: as many as there are registers for sums.
#if defined(__AVX512F__)
constexpr int group = 8, abreast = 2;
#else
constexpr int group = 4, abreast = 1;
#endif
constexpr int tile_rows = 512;
constexpr int tile_stride = tile_rows + abreast * lanes;

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
void measure(const float* queries, const float* const (&panel)[abreast], int features, float* out) {
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
    std::copy_n(&sum[g][0][0], abreast * lanes, out + g * tile_stride);
  }
}

// The rows nearest to one query among the rows scanned so far.
//
// The scan gives a lower bound of each distance. Rows whose bound is low enough wait. From time to
// time, the kernel that all searches share measures the waiting rows that seem nearest. A waiting
// row whose bound is above the distances found is dropped without a measurement.
template <RowMetric M>
class Nearest {
 public:
  Nearest(const Rows& data, const float* query, index_t self, int k)
      : data_(data), query_(query), self_(self), k_(static_cast<std::size_t>(k)), limit_(2 * k_) {}

  // The places up to the next multiple of `lanes` must hold infinity.
  void take(const float* least, int count, index_t first_row) {
    for (int c = 0; c < count; c += lanes) {
      const unsigned near = below(least + c, bound_);
      for (int l = 0; near >> l; ++l) {
        const index_t row = first_row + c + l;
        if ((near >> l & 1) && row != self_) {
          waiting_.push_back(neighbor(std::max(0.0f, least[c + l]), static_cast<std::int32_t>(row)));
        }
      }
    }
    if (waiting_.size() >= limit_) {
      measure(seemingly_near());
      limit_ = 2 * (k_ + waiting_.size());
    }
  }

  void finish(std::int32_t* index, float* distance) {
    measure(seemingly_near());
    measure(waiting_.size());
    std::sort(found_.begin(), found_.end());
    std::transform(found_.begin(), found_.end(), index, row_of);
    std::transform(found_.begin(), found_.end(), distance, distance_of);
    std::fill(index + found_.size(), index + k_, -1);
    std::fill(distance + found_.size(), distance + k_, infinity);
  }

 private:
  // Moves the waiting rows to the front that seem to be among the k nearest. Returns their number.
  std::size_t seemingly_near() {
    if (found_.size() + waiting_.size() <= k_) return waiting_.size();
    all_ = found_;
    all_.insert(all_.end(), waiting_.begin(), waiting_.end());
    const auto last = all_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(all_.begin(), last, all_.end());
    const auto near = std::partition(waiting_.begin(), waiting_.end(),
                                     [&](Neighbor each) { return each <= *last; });
    return static_cast<std::size_t>(near - waiting_.begin());
  }

  // Measures the first `count` waiting rows, and drops the waiting rows that are too far away.
  void measure(std::size_t count) {
    row_.resize(count);
    distance_.resize(count);
    std::transform(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count),
                   row_.begin(), row_of);
    distances_to<M>(data_, query_, row_.data(), static_cast<int>(count), distance_.data());
    for (std::size_t c = 0; c < count; ++c) {
      if (distance_[c] < infinity) found_.push_back(neighbor(distance_[c], row_[c]));
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    if (found_.size() < k_) return;
    keep_nearest(found_, static_cast<int>(k_));
    const Neighbor last = *std::max_element(found_.begin(), found_.end());
    bound_ = distance_of(last);
    if (bound_ == 0.0f) {
      // Nothing is nearer than a duplicate, and duplicates that come later sort after these.
      bound_ = -infinity;
      waiting_.clear();
    }
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                  [&](Neighbor each) { return each > last; }),
                   waiting_.end());
  }

  const Rows& data_;
  const float* query_;
  index_t self_;
  std::size_t k_, limit_;
  float bound_ = infinity;
  std::vector<Neighbor> found_, waiting_, all_;
  std::vector<std::int32_t> row_;
  std::vector<float> distance_;
};

template <RowMetric M>
void scan_rows_m(const Queries& queries, const Rows& data, const NeighborLists& lists,
                 int threads) {
  const Shape<M> shape(data);
  const Panels<M> panels(data, shape, threads);
  for_blocks(lists.n, 16 * group, threads, [&](index_t, index_t begin, index_t end) {
    const index_t groups = (end - begin + group - 1) / group, size = index_t{group} * shape.features;
    std::vector<float> interleaved(static_cast<std::size_t>(groups * size));
    std::vector<Nearest<M>> nearest;
    for (index_t i = begin; i < end; ++i) {
      const index_t g = (i - begin) / group, m = (i - begin) % group;
      const float* query = queries.data + i * data.d;
      shape.write_query(query, interleaved.data() + g * size + m, group);
      nearest.emplace_back(data, query, self_of(queries, i), lists.k);
    }
    std::vector<float> least(static_cast<std::size_t>(group * tile_stride));
    for (index_t row = 0; row < data.n; row += tile_rows) {
      const int count = static_cast<int>(std::min<index_t>(tile_rows, data.n - row));
      const index_t panel = row / lanes;
      const int used = (count + lanes - 1) / lanes;
      for (index_t g = 0; g < groups; ++g) {
        for (int p = 0; p < used; p += abreast) {
          const float* some[abreast];
          for (int a = 0; a < abreast; ++a) some[a] = panels[panel + std::min(p + a, used - 1)];
          measure<M>(interleaved.data() + g * size, some, shape.features, least.data() + p * lanes);
        }
        for (int m = 0; m < group; ++m) {
          std::fill_n(least.data() + m * tile_stride + count, used * lanes - count, infinity);
        }
        const index_t members = std::min<index_t>(group, end - begin - g * group);
        for (index_t m = 0; m < members; ++m) {
          nearest[static_cast<std::size_t>(g * group + m)].take(least.data() + m * tile_stride,
                                                                count, row);
        }
      }
    }
    for (index_t i = begin; i < end; ++i) {
      nearest[static_cast<std::size_t>(i - begin)].finish(lists.index + i * lists.k,
                                                          lists.distance + i * lists.k);
    }
  });
}

}  // namespace

void scan_rows(const Queries& queries, const Rows& data, RowMetric metric,
               const NeighborLists& lists, int threads) {
  with_metric(metric, [&](auto m) {
    scan_rows_m<decltype(m)::value>(queries, data, lists, threads);
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
