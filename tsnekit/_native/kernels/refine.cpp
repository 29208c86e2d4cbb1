#include "kernels/refine.hpp"

#include "kernels/row_metric.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 256;

// A link is dropped only where another one comes nearer by so much (in Jayaram Subramanya and
// others, 2019, "DiskANN", alpha): a few links more make the search less likely to get stuck.
constexpr float slack = 1.2f;

// Rows in the order in which they came, each once.
class RowSet {
 public:
  explicit RowSet(index_t n) : bits_(static_cast<std::size_t>(n / 64 + 1)) {}

  int size() const { return size_; }
  const std::int32_t* members() const { return members_.data(); }

  // To be called before some `count` of `add`.
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

// The list of one row while it grows; it also remembers which entries' links were followed.
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

  // Takes in what is near enough; `found` must hold no row that is already in the list.
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

// What one thread needs to look for neighbors of one row after another.
template <RowMetric M>
class Searcher {
 public:
  Searcher(const Rows& data, int k)
      : data_(data), seen_(data.n), followed_(static_cast<std::size_t>(k)) {}

  std::vector<std::uint8_t>& followed() { return followed_; }

  // Starts a search that passes over some rows.
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

  // Measures what was proposed and lets the list take it in; returns whether any of it was near.
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

index_t self_of(const Queries& queries, index_t i) {
  return queries.first < 0 ? -1 : queries.first + i;
}

template <RowMetric M>
void rank_candidates_m(const Queries& queries, const Rows& data, const std::int32_t* candidates,
                       int width, const NeighborLists& lists, int threads) {
  for_blocks(lists.n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    Searcher<M> searcher(data, lists.k);
    for (index_t i = first; i < last; ++i) {
      std::fill_n(lists.index + i * lists.k, lists.k, -1);
      List list(lists, i, searcher.followed());
      searcher.start(self_of(queries, i), list);
      for (index_t c = i * width; c < (i + 1) * width; ++c) searcher.propose(candidates + c, 1);
      searcher.measure(queries.data + i * data.d, list);
      list.fill_rest();
    }
  });
}

template <RowMetric M>
void link_rows_m(const Rows& data, const NeighborLists& lists, int reach, const Links& links,
                 int threads) {
  const int degree = links.degree;
  const int most = (degree + 1) / 2;
  for_blocks(lists.n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    for (index_t i = first; i < last; ++i) {
      const std::int32_t* index = lists.index + i * lists.k;
      const float* distance = lists.distance + i * lists.k;
      std::int32_t* link = links.index + i * degree;
      int kept = 0;
      for (int c = 0; c < std::min(reach, lists.k) && kept < most && index[c] >= 0; ++c) {
        const float* x = data.data + index_t{index[c]} * data.d;
        const auto is_nearer = [&](std::int32_t row) {
          return slack * distance_between<M>(data.data + index_t{row} * data.d, x, data.d) <
                 distance[c];
        };
        if (std::none_of(link, link + kept, is_nearer)) link[kept++] = index[c];
      }
      std::fill(link + kept, link + degree, -1);
    }
  });

  std::vector<std::int32_t> chosen(static_cast<std::size_t>(lists.n)), used(chosen.size());
  for (index_t i = 0; i < lists.n; ++i) {
    int& size = used[static_cast<std::size_t>(i)];
    while (size < most && links.index[i * degree + size] >= 0) ++size;
  }
  chosen = used;
  for (int c = 0; c < most; ++c) {
    for (index_t i = 0; i < lists.n; ++i) {
      if (c >= chosen[static_cast<std::size_t>(i)]) continue;
      const std::int32_t row = links.index[i * degree + c];
      int& size = used[static_cast<std::size_t>(row)];
      if (size < degree) links.index[index_t{row} * degree + size++] = static_cast<std::int32_t>(i);
    }
  }
}

template <RowMetric M>
void follow_links_m(const Queries& queries, const Rows& data, const Links& links, int breadth,
                    const NeighborLists& lists, int threads) {
  for_blocks(lists.n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    Searcher<M> searcher(data, lists.k);
    for (index_t i = first; i < last; ++i) {
      const float* query = queries.data + i * data.d;
      List list(lists, i, searcher.followed());
      const index_t self = self_of(queries, i);
      searcher.start(self, list);
      const auto links_of = [&](index_t row) { return links.index + row * links.degree; };
      const int bytes = links.degree * static_cast<int>(sizeof(std::int32_t));
      if (self >= 0) searcher.propose(links_of(self), links.degree);
      do {
        const int reached = std::min(breadth, list.size());
        for (int c = 0; c < reached; ++c) {
          constexpr int ahead = 8;
          if (c + ahead < reached) prefetch(links_of(list.row(c + ahead)), bytes);
          if (list.follow(c)) searcher.propose(links_of(list.row(c)), links.degree);
        }
      } while (searcher.measure(query, list));
      list.fill_rest();
    }
  });
}

}  // namespace

void rank_candidates(const Queries& queries, const Rows& data, RowMetric metric,
                     const std::int32_t* candidates, int width, const NeighborLists& lists,
                     int threads) {
  with_metric(metric, [&](auto m) {
    rank_candidates_m<decltype(m)::value>(queries, data, candidates, width, lists, threads);
  });
}

void link_rows(const Rows& data, RowMetric metric, const NeighborLists& lists, int reach,
               const Links& links, int threads) {
  with_metric(metric, [&](auto m) {
    link_rows_m<decltype(m)::value>(data, lists, reach, links, threads);
  });
}

void follow_links(const Queries& queries, const Rows& data, RowMetric metric, const Links& links,
                  int breadth, const NeighborLists& lists, int threads) {
  with_metric(metric, [&](auto m) {
    follow_links_m<decltype(m)::value>(queries, data, links, breadth, lists, threads);
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
