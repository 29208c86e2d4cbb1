#include "kernels/neighbors/scan.hpp"

#include "kernels/neighbors/tile.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr int tile_rows = 512;
constexpr int tile_stride = tile_rows + abreast * lanes;

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
        measure_panels<M>(interleaved.data() + g * size, panels, panel, used, shape.features,
                          least.data(), tile_stride);
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
