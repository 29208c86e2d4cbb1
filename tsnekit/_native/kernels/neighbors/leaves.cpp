#include "kernels/neighbors/leaves.hpp"

#include "kernels/neighbors/tile.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

// What one thread needs to scan one node after another.
template <RowMetric M>
class NodeScan {
 public:
  NodeScan(const Rows& data, const NeighborLists& lists) : data_(data), lists_(lists) {}

  void scan(const std::int32_t* rows, int count) {
    rows_ = rows;
    gather(count);
    const Rows node{count, data_.d, gathered_.data()};
    const Shape<M> shape(node);
    const Panels<M> panels(node, shape, 1);
    const int used = (count + lanes - 1) / lanes;
    const index_t stride = index_t{used + abreast} * lanes;
    least_.resize(static_cast<std::size_t>(group * stride));
    queries_.resize(static_cast<std::size_t>(group * shape.features));
    for (int begin = 0; begin < count; begin += group) {
      const int members = std::min(group, count - begin);
      for (int m = 0; m < members; ++m) {
        shape.write_query(node.data + index_t{begin + m} * node.d, queries_.data() + m, group);
      }
      measure_panels<M>(queries_.data(), panels, 0, used, shape.features, least_.data(), stride);
      for (int m = 0; m < members; ++m) {
        float* const least = least_.data() + m * stride;
        least[begin + m] = infinity;
        std::fill(least + count, least + used * lanes, infinity);
        improve(node, begin + m, least);
      }
    }
  }

 private:
  void gather(int count) {
    constexpr int ahead = 8;
    gathered_.resize(static_cast<std::size_t>(index_t{count} * data_.d));
    const auto row = [&](int c) { return data_.data + index_t{rows_[c]} * data_.d; };
    for (int c = 0; c < count; ++c) {
      if (c + ahead < count) prefetch(row(c + ahead), data_.d * static_cast<int>(sizeof(float)));
      std::copy_n(row(c), data_.d, gathered_.data() + index_t{c} * data_.d);
    }
  }

  // Merges near rows of the node into the list of its row `self`. `least` has a lower bound of each
  // distance.
  void improve(const Rows& node, int self, const float* least) {
    std::int32_t* const index = lists_.index + index_t{rows_[self]} * lists_.k;
    float* const distance = lists_.distance + index_t{rows_[self]} * lists_.k;
    int old = lists_.k;
    while (old > 0 && index[old - 1] < 0) --old;
    select(least, static_cast<int>(node.n), old < lists_.k ? infinity : distance[lists_.k - 1]);
    if (found_.empty()) return;
    measure_selected(node, self);
    merge(index, distance, old);
  }

  // Selects the rows that seem nearest, at most as many as a list holds.
  void select(const float* least, int count, float bound) {
    found_.resize(static_cast<std::size_t>(count + lanes));
    std::size_t size = 0;
    for (int c = 0; c < count; c += lanes) {
      const unsigned near = below(least + c, bound);
      if (near == 0) continue;
      // No branch: which of these rows are near is hard to predict.
      for (int l = 0; l < lanes; ++l) {
        found_[size] = neighbor(std::max(0.0f, least[c + l]), c + l);
        size += near >> l & 1;
      }
    }
    found_.resize(size);
    keep_nearest(found_, lists_.k);
  }

  // By the kernel that all searches share.
  void measure_selected(const Rows& node, int self) {
    row_.resize(found_.size());
    distance_.resize(found_.size());
    std::transform(found_.begin(), found_.end(), row_.begin(), row_of);
    distances_to<M>(node, node.data + index_t{self} * node.d, row_.data(),
                    static_cast<int>(row_.size()), distance_.data());
    found_.clear();
    for (std::size_t c = 0; c < row_.size(); ++c) {
      if (distance_[c] < infinity) found_.push_back(neighbor(distance_[c], rows_[row_[c]]));
    }
    std::sort(found_.begin(), found_.end());
  }

  // Another tree may have found a row before.
  void merge(std::int32_t* index, float* distance, int old) {
    constexpr Neighbor none = ~Neighbor{0};
    const int fresh = static_cast<int>(found_.size());
    const int most = std::min(lists_.k, old + fresh);
    merged_.resize(static_cast<std::size_t>(most));
    int size = 0;
    for (int a = 0, b = 0; size < most && (a < old || b < fresh); ++size) {
      const Neighbor known = a < old ? neighbor(distance[a], index[a]) : none;
      const Neighbor found = b < fresh ? found_[static_cast<std::size_t>(b)] : none;
      merged_[static_cast<std::size_t>(size)] = std::min(known, found);
      a += known <= found;
      b += found <= known;
    }
    std::transform(merged_.begin(), merged_.begin() + size, index, row_of);
    std::transform(merged_.begin(), merged_.begin() + size, distance, distance_of);
  }

  const Rows& data_;
  const NeighborLists& lists_;
  const std::int32_t* rows_ = nullptr;
  std::vector<float> gathered_, queries_, least_, distance_;
  std::vector<std::int32_t> row_;
  std::vector<Neighbor> found_, merged_;
};

}  // namespace

void scan_nodes(const Rows& data, RowMetric metric, const Forest& forest, int tree, int level,
                index_t first, index_t last, const NeighborLists& lists, int threads) {
  const std::int32_t* const place = forest.place + tree * data.n;
  with_metric(metric, [&](auto m) {
    std::vector<NodeScan<decltype(m)::value>> scans(
        static_cast<std::size_t>(std::max(1, threads)), {data, lists});
    for_blocks(last - first, 1, threads, [&](index_t b, index_t, index_t, int worker) {
      const index_t begin = node_begin(data.n, level, first + b);
      const index_t end = node_begin(data.n, level, first + b + 1);
      scans[static_cast<std::size_t>(worker)].scan(place + begin, static_cast<int>(end - begin));
    });
  });
}

void rename_rows(index_t n, int k, std::int32_t* index, const float* distance,
                 const std::int32_t* name, int threads) {
  for_blocks(n, 256, threads, [&](index_t, index_t first, index_t last) {
    for (index_t i = first; i < last; ++i) {
      std::int32_t* const row = index + i * k;
      const float* const away = distance + i * k;
      for (int begin = 0, end = 0; begin < k && row[begin] >= 0; begin = end) {
        do {
          row[end] = name[row[end]];
          ++end;
        } while (end < k && row[end] >= 0 && away[end] == away[begin]);
        std::sort(row + begin, row + end);
      }
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
