#include "kernels/neighbors/forest.hpp"

#include "kernels/neighbors/searcher.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 256;

// How often a second row is drawn for a node. If all draws equal the first row, the node is divided
// at random.
constexpr int attempts = 8;

index_t node_index(int level, index_t node) { return (index_t{1} << level) - 1 + node; }

// Splitmix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators").
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }

  index_t below(index_t limit) {
    return static_cast<index_t>((next() >> 32) * static_cast<std::uint64_t>(limit) >> 32);
  }

 private:
  std::uint64_t state_;
};

// Makes one number of a row and of how much nearer the row is to the first pole. The numbers sort
// by nearness. Rows that are equally near have another order for each salt.
class SplitKey {
 public:
  explicit SplitKey(std::uint32_t salt) : salt_(salt) {}

  std::uint64_t key(float nearer, std::int32_t row) const {
    std::uint32_t bits;
    std::memcpy(&bits, &nearer, sizeof bits);
    bits ^= bits >> 31 ? 0xffffffffu : 0x80000000u;
    return std::uint64_t{bits} << 32 | (static_cast<std::uint32_t>(row) ^ salt_) * odd;
  }

  std::int32_t row_of(std::uint64_t key) const {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(key) * inverse ^ salt_);
  }

 private:
  static constexpr std::uint32_t odd = 0x9e3779b1u, inverse = 0x0e8b2f51u;
  static_assert(odd * inverse == 1u, "so that a row can be told from its key");
  std::uint32_t salt_;
};

// The difference of two infinite distances is not a number, and counts as 0.
float nearer_by(float to_first, float to_second) {
  const float difference = to_first - to_second;
  return difference == difference ? difference : 0.0f;
}

template <RowMetric M>
class Grower {
 public:
  Grower(const Rows& data, const Forest& forest, index_t tree, std::uint64_t seed)
      : data_(data), depth_(forest.depth), place_(forest.place + tree * data.n),
        leaf_(forest.leaf + tree * data.n), random_(seed),
        pole_(forest.pole + 2 * tree * node_index(depth_, 0)),
        median_(forest.median + tree * node_index(depth_, 0)),
        key_(static_cast<std::size_t>(data.n)) {}

  void grow() {
    for (index_t i = 0; i < data_.n; ++i) place_[i] = static_cast<std::int32_t>(i);
    split(0, 0);
  }

 private:
  // Depth first, so that the rows of small nodes stay in the cache.
  void split(int level, index_t node) {
    const index_t begin = node_begin(data_.n, level, node);
    const index_t end = node_begin(data_.n, level, node + 1);
    if (level == depth_) {
      for (index_t i = begin; i < end; ++i) leaf_[place_[i]] = static_cast<std::int32_t>(node);
      return;
    }
    const SplitKey split_key(static_cast<std::uint32_t>(random_.next()));
    std::int32_t* const pole = pole_ + 2 * node_index(level, node);
    choose_poles(begin, end - begin, pole);
    measure(begin, end, pole, split_key);
    const index_t middle = node_begin(data_.n, level + 1, 2 * node + 1);
    const auto key = [&](index_t i) { return key_.begin() + i; };
    std::nth_element(key(begin), key(middle), key(end));
    for (index_t i = begin; i < end; ++i) place_[i] = split_key.row_of(*key(i));
    median_[node_index(level, node)] = difference(place_[middle], pole);
    split(level + 1, 2 * node);
    split(level + 1, 2 * node + 1);
  }

  void choose_poles(index_t begin, index_t count, std::int32_t* pole) {
    pole[0] = pole[1] = place_[begin + random_.below(count)];
    for (int k = 0; k < attempts && distance(pole[0], pole[1]) == 0.0f; ++k) {
      pole[1] = place_[begin + random_.below(count)];
    }
  }

  void measure(index_t begin, index_t end, const std::int32_t* pole, const SplitKey& split_key) {
    float first[block_rows], second[block_rows];
    for (index_t i = begin; i < end; i += block_rows) {
      const int count = static_cast<int>(std::min(block_rows, end - i));
      distances_to<M>(data_, row(pole[0]), place_ + i, count, first);
      distances_to<M>(data_, row(pole[1]), place_ + i, count, second);
      for (int c = 0; c < count; ++c) {
        key_[static_cast<std::size_t>(i + c)] =
            split_key.key(nearer_by(first[c], second[c]), place_[i + c]);
      }
    }
  }

  const float* row(std::int32_t i) const { return data_.data + index_t{i} * data_.d; }
  float distance(std::int32_t i, std::int32_t j) const {
    return distance_between<M>(row(i), row(j), data_.d);
  }
  float difference(std::int32_t i, const std::int32_t* pole) const {
    return nearer_by(distance(i, pole[0]), distance(i, pole[1]));
  }

  const Rows& data_;
  int depth_;
  std::int32_t* place_;
  std::int32_t* leaf_;
  Random random_;
  std::int32_t* pole_;
  float* median_;
  std::vector<std::uint64_t> key_;
};

template <RowMetric M>
std::int32_t leaf_of(const float* query, const Rows& data, const Forest& forest, int tree) {
  const index_t first = tree * node_index(forest.depth, 0);
  index_t node = 0;
  for (int level = 0; level < forest.depth; ++level) {
    const index_t at = first + node_index(level, node);
    float distance[2];
    distances_to<M>(data, query, forest.pole + 2 * at, 2, distance);
    node = 2 * node + (nearer_by(distance[0], distance[1]) < forest.median[at] ? 0 : 1);
  }
  return static_cast<std::int32_t>(node);
}

}  // namespace

void grow_forest(const Rows& data, RowMetric metric, int first_tree, int trees,
                 const std::uint64_t* seeds, const Forest& forest, int threads) {
  with_metric(metric, [&](auto m) {
    for_blocks(trees, 1, threads, [&](index_t t, index_t, index_t) {
      Grower<decltype(m)::value>(data, forest, first_tree + t, seeds[t]).grow();
    });
  });
}

void find_leaves(const float* queries, index_t m, const Rows& data, RowMetric metric,
                 const Forest& forest, std::int32_t* leaf, int threads) {
  with_metric(metric, [&](auto kind) {
    for_blocks(m, block_rows, threads, [&](index_t, index_t first, index_t last) {
      for (index_t i = first; i < last; ++i) {
        for (int tree = 0; tree < forest.trees; ++tree) {
          leaf[tree * m + i] =
              leaf_of<decltype(kind)::value>(queries + i * data.d, data, forest, tree);
        }
      }
    });
  });
}

void rank_leaf_mates(const Queries& queries, const Rows& data, RowMetric metric,
                     const Forest& forest, const std::int32_t* leaf, index_t leaf_stride,
                     const NeighborLists& lists, int threads) {
  with_metric(metric, [&](auto m) {
    rank_proposed<decltype(m)::value>(
        queries, data, lists, threads, [&](auto& searcher, index_t i) {
          for (int tree = 0; tree < forest.trees; ++tree) {
            const index_t node = leaf[tree * leaf_stride + i];
            const index_t begin = node_begin(data.n, forest.depth, node);
            const index_t end = node_begin(data.n, forest.depth, node + 1);
            searcher.propose(forest.place + tree * data.n + begin, static_cast<int>(end - begin));
          }
        });
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
