// The search for the neighbors of one row: candidates are proposed, measured once, and kept if
// near.
#pragma once

#include <utility>

#include "kernels/neighbors/row_metric.hpp"

namespace tsnekit::TSNEKIT_ISA {

// Distinct rows, in the order in which they came.
class RowSet {
 public:
  explicit RowSet(index_t n) : bits_(static_cast<std::size_t>(n / 64 + 1)) {}

  int size() const { return size_; }
  const std::int32_t* members() const { return members_.data(); }

  // To be called before `add` is called up to `count` times.
  void reserve(int count) {
    const auto needed = static_cast<std::size_t>(size_ + count);
    if (members_.size() < needed) members_.resize(2 * needed);
  }

  void add(std::int32_t row) {
    // No branch: whether a row is new is hard to predict.
    std::uint64_t& word = bits_[static_cast<std::size_t>(row >> 6)];
    const std::uint64_t bit = std::uint64_t{1} << (row & 63);
    members_[static_cast<std::size_t>(size_)] = row;
    size_ += !(word & bit);
    word |= bit;
  }

  void clear() {
    for (int c = 0; c < size_; ++c) {
      bits_[static_cast<std::size_t>(members_[static_cast<std::size_t>(c)] >> 6)] = 0;
    }
    size_ = 0;
  }

 private:
  int size_ = 0;
  std::vector<std::uint64_t> bits_;
  std::vector<std::int32_t> members_;
};

// The list of one row while it grows. It also remembers the entries whose links were followed.
class List {
 public:
  List(const NeighborLists& lists, index_t i, std::vector<std::uint8_t>& followed)
      : k_(lists.k), index_(lists.index + i * lists.k), distance_(lists.distance + i * lists.k),
        followed_(followed) {
    while (size_ < k_ && index_[size_] >= 0) ++size_;
    std::fill(followed_.begin(), followed_.end(), std::uint8_t{0});
  }

  int size() const { return size_; }
  std::int32_t row(int c) const { return index_[c]; }
  float bound() const { return size_ < k_ ? infinity : distance_[k_ - 1]; }
  bool follow(int c) { return !std::exchange(followed_[static_cast<std::size_t>(c)], 1); }

  // Adds the rows that are near enough. `found` must not hold a row that is already in the list.
  void merge(std::vector<Neighbor>& found) {
    keep_nearest(found, k_);
    std::sort(found.begin(), found.end());
    int old = size_;
    int fresh = static_cast<int>(found.size());
    const auto last_found = [&] { return found[static_cast<std::size_t>(fresh - 1)]; };
    const auto old_is_last = [&] {
      return old > 0 && (fresh == 0 || last_found() < neighbor(distance_[old - 1], index_[old - 1]));
    };
    while (old + fresh > k_) --(old_is_last() ? old : fresh);
    size_ = old + fresh;
    for (int to = size_ - 1; fresh > 0; --to) {
      if (old_is_last()) {
        --old;
        set(to, distance_[old], index_[old], followed_[static_cast<std::size_t>(old)]);
      } else {
        set(to, distance_of(last_found()), row_of(last_found()), 0);
        --fresh;
      }
    }
  }

  void fill_rest() {
    std::fill(index_ + size_, index_ + k_, -1);
    std::fill(distance_ + size_, distance_ + k_, infinity);
  }

 private:
  void set(int to, float distance, std::int32_t row, std::uint8_t followed) {
    distance_[to] = distance;
    index_[to] = row;
    followed_[static_cast<std::size_t>(to)] = followed;
  }

  int k_;
  int size_ = 0;
  std::int32_t* index_;
  float* distance_;
  std::vector<std::uint8_t>& followed_;
};

// What one thread needs to search for the neighbors of one row after another.
template <RowMetric M>
class Searcher {
 public:
  Searcher(const Rows& data, int k)
      : data_(data), seen_(data.n), followed_(static_cast<std::size_t>(k)) {}

  std::vector<std::uint8_t>& followed() { return followed_; }

  // Starts a search that skips the row itself and the rows of the list.
  void start(index_t self, const List& list) {
    seen_.clear();
    seen_.reserve(list.size() + 1);
    if (self >= 0) seen_.add(static_cast<std::int32_t>(self));
    for (int c = 0; c < list.size(); ++c) seen_.add(list.row(c));
    measured_ = seen_.size();
  }

  void propose(const std::int32_t* rows, int count) {
    seen_.reserve(count);
    for (int c = 0; c < count && rows[c] >= 0; ++c) seen_.add(rows[c]);
  }

  // Measures the proposed rows, and merges near ones into the list. Returns whether any was near.
  bool measure(const float* query, List& list) {
    const std::int32_t* rows = seen_.members() + measured_;
    const int count = seen_.size() - measured_;
    measured_ = seen_.size();
    distances_.resize(static_cast<std::size_t>(count + lanes));
    float* distances = distances_.data();
    distances_to<M>(data_, query, rows, count, distances);
    std::fill_n(distances + count, lanes, infinity);
    found_.clear();
    const float bound = list.bound();
    for (int c = 0; c < count; c += lanes) {
      const unsigned near = below(distances + c, bound);
      for (int l = 0; near >> l; ++l) {
        if (near >> l & 1) found_.push_back(neighbor(distances[c + l], rows[c + l]));
      }
    }
    if (found_.empty()) return false;
    list.merge(found_);
    return true;
  }

 private:
  const Rows& data_;
  RowSet seen_;
  int measured_ = 0;
  std::vector<std::uint8_t> followed_;
  std::vector<float> distances_;
  std::vector<Neighbor> found_;
};

constexpr index_t searched_rows = 256;  // rows in a block

// Fills the lists with the nearest rows that `propose(searcher, i)` proposes for each row i.
template <RowMetric M, class Propose>
void rank_proposed(const Queries& queries, const Rows& data, const NeighborLists& lists,
                   int threads, const Propose& propose) {
  for_blocks(lists.n, searched_rows, threads, [&](index_t, index_t first, index_t last) {
    Searcher<M> searcher(data, lists.k);
    for (index_t i = first; i < last; ++i) {
      std::fill_n(lists.index + i * lists.k, lists.k, -1);
      List list(lists, i, searcher.followed());
      searcher.start(self_of(queries, i), list);
      propose(searcher, i);
      searcher.measure(queries.data + i * data.d, list);
      list.fill_rest();
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
