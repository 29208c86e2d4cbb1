#include "kernels/scan.hpp"

#include "kernels/row_metric.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

// Queries, and panels of data, that are measured together: as many sums as registers can hold.
#if defined(__AVX512F__)
constexpr int group = 8, abreast = 2;
#else
constexpr int group = 4, abreast = 1;
#endif
constexpr int tile_rows = 512;
constexpr int tile_stride = tile_rows + abreast * lanes;

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

// Distances of `group` queries, side by side too, to `abreast` panels, into out (group, stride).
template <RowMetric M>
void measure(const float* queries, const float* const (&panel)[abreast], int d, float* out) {
  float sum[group][abreast][lanes] = {};
  for (int c = 0; c < d; ++c) {
    const float* q = queries + c * group;
    for (int g = 0; g < group; ++g) {
      for (int p = 0; p < abreast; ++p) {
#pragma omp simd
        for (int l = 0; l < lanes; ++l) sum[g][p][l] += term<M>(q[g], panel[p][c * lanes + l]);
      }
    }
  }
  for (int g = 0; g < group; ++g) {
    std::copy_n(&sum[g][0][0], abreast * lanes, out + g * tile_stride);
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

  // Distances are measured again by the kernel that all searches share: sums of another order
  // differ in their last bits.
  template <RowMetric M>
  void finish(const Rows& data, const float* query, std::int32_t* index, float* distance) {
    keep_nearest(found_, k_);
    const int count = static_cast<int>(found_.size());
    std::transform(found_.begin(), found_.end(), index, row_of);
    distances_to<M>(data, query, index, count, distance);
    for (int c = 0; c < count; ++c) {
      found_[static_cast<std::size_t>(c)] = neighbor(distance[c], index[c]);
    }
    std::sort(found_.begin(), found_.end());
    std::transform(found_.begin(), found_.end(), index, row_of);
    std::transform(found_.begin(), found_.end(), distance, distance_of);
    std::fill(index + count, index + k_, -1);
    std::fill(distance + count, distance + k_, infinity);
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
    std::vector<float> distances(static_cast<std::size_t>(group * tile_stride));
    for (index_t row = 0; row < data.n; row += tile_rows) {
      const int count = static_cast<int>(std::min<index_t>(tile_rows, data.n - row));
      const index_t panel = row / lanes;
      const int used = (count + lanes - 1) / lanes;
      for (index_t g = 0; g < groups; ++g) {
        const float* query = interleaved.data() + g * group * d;
        for (int p = 0; p < used; p += abreast) {
          const float* some[abreast];
          for (int a = 0; a < abreast; ++a) some[a] = panels[panel + std::min(p + a, used - 1)];
          measure<M>(query, some, d, distances.data() + p * lanes);
        }
        for (int m = 0; m < group; ++m) {
          std::fill_n(distances.data() + m * tile_stride + count, used * lanes - count, infinity);
        }
        const index_t members = std::min<index_t>(group, end - begin - g * group);
        for (index_t m = 0; m < members; ++m) {
          nearest[static_cast<std::size_t>(g * group + m)].take(distances.data() + m * tile_stride,
                                                                count, row);
        }
      }
    }
    for (index_t i = begin; i < end; ++i) {
      nearest[static_cast<std::size_t>(i - begin)].template finish<M>(
          data, queries.data + i * data.d, lists.index + i * lists.k, lists.distance + i * lists.k);
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
