#include "kernels/scan.hpp"

#include "kernels/row_metric.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr int tile_panels = 32;
constexpr int tile_rows = lanes * tile_panels;
constexpr int group = 8;  // queries that are measured together

// Rows of the data, `lanes` of them side by side so that one instruction serves them all.
class Panels {
 public:
  explicit Panels(const Rows& data)
      : n_(data.n), d_(data.d),
        values_(static_cast<std::size_t>((data.n + lanes - 1) / lanes * lanes * data.d)) {}

  void fill(const Rows& data, int threads) {
    for_blocks(n_, 4096, threads, [&](index_t, index_t first, index_t last) {
      for (index_t i = first; i < last; ++i) {
        float* to = values_.data() + i / lanes * lanes * d_ + i % lanes;
        for (int c = 0; c < d_; ++c) to[index_t{c} * lanes] = data.data[i * d_ + c];
      }
    });
  }

  const float* operator[](index_t panel) const { return values_.data() + panel * lanes * d_; }

 private:
  index_t n_;
  int d_;
  std::vector<float> values_;
};

// Distances of `group` queries (d, group) to two panels, into out (group, 2 * lanes).
template <RowMetric M>
void measure(const float* queries, const float* left, const float* right, int d, float* out,
             int stride) {
  float near[group][lanes] = {}, far[group][lanes] = {};
  for (int c = 0; c < d; ++c) {
    const float* x = left + c * lanes;
    const float* y = right + c * lanes;
    const float* q = queries + c * group;
    for (int g = 0; g < group; ++g) {
#pragma omp simd
      for (int l = 0; l < lanes; ++l) {
        near[g][l] += term<M>(q[g], x[l]);
        far[g][l] += term<M>(q[g], y[l]);
      }
    }
  }
  for (int g = 0; g < group; ++g) {
    for (int l = 0; l < lanes; ++l) {
      out[g * stride + l] = near[g][l];
      out[g * stride + lanes + l] = far[g][l];
    }
  }
}

// The nearest rows met so far. Twice as many as wanted may gather before the rest is dropped.
class Nearest {
 public:
  explicit Nearest(int k) : k_(k) { found_.reserve(static_cast<std::size_t>(2 * k + tile_rows)); }

  // The places up to the next multiple of `lanes` must hold infinity.
  void take(const float* distances, int count, index_t first_row) {
    for (int c = 0; c < count; c += lanes) {
      const unsigned near = below(distances + c, bound_);
      for (int l = 0; near >> l; ++l) {
        if (near >> l & 1) add(distances[c + l], static_cast<std::int32_t>(first_row + c + l));
      }
    }
    if (static_cast<int>(found_.size()) >= 2 * k_) shrink();
  }

  void finish(std::int32_t* index, float* distance) {
    keep_nearest(found_, k_);
    std::sort(found_.begin(), found_.end());
    for (int c = 0; c < k_; ++c) {
      const bool filled = c < static_cast<int>(found_.size());
      index[c] = filled ? row_of(found_[static_cast<std::size_t>(c)]) : -1;
      distance[c] = filled ? distance_of(found_[static_cast<std::size_t>(c)]) : infinity;
    }
    found_.clear();
    bound_ = infinity;
  }

  std::int32_t self = -1;

 private:
  void add(float distance, std::int32_t row) {
    if (row != self) found_.push_back(neighbor(distance, row));
  }
  void shrink() {
    keep_nearest(found_, k_);
    bound_ = distance_of(found_.back());
  }

  int k_;
  float bound_ = infinity;
  std::vector<Neighbor> found_;
};

template <RowMetric M>
void scan_rows_m(const Queries& queries, const Rows& data, const NeighborLists& lists,
                 int threads) {
  const int d = data.d;
  Panels panels(data);
  panels.fill(data, threads);
  for_blocks(lists.n, 16 * group, threads, [&](index_t, index_t begin, index_t end) {
    const index_t groups = (end - begin + group - 1) / group;
    std::vector<float> interleaved(static_cast<std::size_t>(groups * group * d));
    for (index_t i = begin; i < end; ++i) {
      float* to = interleaved.data() + (i - begin) / group * group * d + (i - begin) % group;
      for (int c = 0; c < d; ++c) to[index_t{c} * group] = queries.data[i * d + c];
    }
    std::vector<Nearest> nearest(static_cast<std::size_t>(end - begin), Nearest(lists.k));
    if (queries.first >= 0) {
      for (index_t i = begin; i < end; ++i)
        nearest[static_cast<std::size_t>(i - begin)].self = static_cast<std::int32_t>(queries.first + i);
    }
    std::vector<float> distances(static_cast<std::size_t>(group * (tile_rows + lanes)));
    constexpr int stride = tile_rows + lanes;
    for (index_t row = 0; row < data.n; row += tile_rows) {
      const int count = static_cast<int>(std::min<index_t>(tile_rows, data.n - row));
      const index_t panel = row / lanes;
      const int used = (count + lanes - 1) / lanes;
      for (index_t g = 0; g < groups; ++g) {
        const float* query = interleaved.data() + g * group * d;
        for (int p = 0; p < used; p += 2) {
          measure<M>(query, panels[panel + p], panels[panel + std::min(p + 1, used - 1)], d,
                     distances.data() + p * lanes, stride);
        }
        for (int m = 0; m < group; ++m) {
          std::fill_n(distances.data() + m * stride + count, used * lanes - count, infinity);
        }
        const index_t members = std::min<index_t>(group, end - begin - g * group);
        for (index_t m = 0; m < members; ++m) {
          nearest[static_cast<std::size_t>(g * group + m)].take(distances.data() + m * stride,
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
