#include "kernels/tree/tree.hpp"

#include <algorithm>
#include <cfloat>
#include <limits>

#include "dimensions.hpp"
#include "kernels/points/bounds.hpp"
#include "kernels/points/morton.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_points = 16384;
constexpr index_t block_nodes = 1024;
constexpr int code_bits = 2 * digit_bits;

template <int D>
TreeBox empty_box() {
  TreeBox box{};
  for (int c = 0; c < D; ++c) {
    box.lower[c] = std::numeric_limits<float>::infinity();
    box.upper[c] = -box.lower[c];
  }
  return box;
}

template <int D>
void merge(TreeBox& box, const TreeBox& other) {
  for (int c = 0; c < D; ++c) {
    box.lower[c] = std::min(box.lower[c], other.lower[c]);
    box.upper[c] = std::max(box.upper[c], other.upper[c]);
  }
}

template <int D>
float longest_side(const TreeBox& box) {
  float side = 0.0f;
  for (int c = 0; c < D; ++c) side = std::max(side, box.upper[c] - box.lower[c]);
  return side;
}

// The highest bit that is set; x is not 0.
int highest_bit(std::uint32_t x) {
  int bit = 0;
  for (int step = 16; step; step /= 2) {
    if (x >> step) {
      x >>= step;
      bit += step;
    }
  }
  return bit;
}

template <int D>
class Builder {
 public:
  Builder(Tree& tree, const float* y, index_t n, float limit, index_t leaf_size, int threads)
      : tree_(tree), y_(y), n_(n), limit_(limit), leaf_size_(leaf_size), threads_(threads) {}

  void build() {
    tree_.n_points = n_;
    tree_.n_nodes = 0;
    if (n_ == 0) return;
    sort_points();
    grow();
    summarize();
  }

 private:
  float clipped(index_t i, int c) const {
    // This order of max and min turns NaN into a number, so that it cannot break the sort.
    return std::min(std::max(-limit_, y_[i * D + c]), limit_);
  }

  // The box of the points, clipped.
  TreeBox bounding_box() {
    TreeBox box{};
    point_bounds(n_, D, y_, box.lower, box.upper, threads_);
    for (int c = 0; c < D; ++c) {
      box.lower[c] = std::min(std::max(-limit_, box.lower[c]), limit_);
      box.upper[c] = std::min(std::max(-limit_, box.upper[c]), limit_);
    }
    return box;
  }

  void sort_points() {
    make_room(tree_.key, n_);
    make_room(tree_.other_key, n_);
    const TreeBox box = bounding_box();
    const MortonGrid<D> grid(box.lower, box.upper, code_bits);
    for_blocks(n_, block_points, threads_, [&](index_t, index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        tree_.key[i] = morton_key(grid([&](int c) { return clipped(i, c); }), i);
      }
    });
    radix_sort(tree_.key, tree_.other_key, tree_.histogram, n_, code_bits, threads_);

    make_room(tree_.code, n_);
    make_room(tree_.row, n_);
    for (int c = 0; c < D; ++c) make_room(tree_.coordinate[c], n_ + padding);
    for_blocks(n_, block_points, threads_, [&](index_t, index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const std::int32_t row = point_of(tree_.key[i]);
        tree_.code[i] = code_of(tree_.key[i]);
        tree_.row[i] = row;
        for (int c = 0; c < D; ++c) tree_.coordinate[c][i] = clipped(row, c);
      }
    });
  }

  // Splits the nodes level by level until all are leaves.
  void grow() {
    constexpr int most = 1 << D;
    make_room(tree_.node, 1);
    tree_.node[0] = TreeNode{};
    tree_.node[0].end = static_cast<std::int32_t>(n_);
    tree_.level.assign(1, 0);
    index_t begin = 0, end = 1;
    while (begin < end) {
      tree_.level.push_back(end);
      make_room(tree_.split, (end - begin) * most);
      for_blocks(end - begin, block_nodes, threads_, [&](index_t, index_t first, index_t last) {
        for (index_t k = first; k < last; ++k) {
          TreeNode& node = tree_.node[begin + k];
          node.child = 0;
          node.child_end = split(node, &tree_.split[k * most]);
        }
      });
      index_t next = end;
      for (index_t k = begin; k < end; ++k) {
        TreeNode& node = tree_.node[k];
        const std::int32_t children = node.child_end;
        if (children == 0) continue;
        node.child = static_cast<std::int32_t>(next);
        next += children;
        node.child_end = static_cast<std::int32_t>(next);
      }
      make_room(tree_.node, next);
      for_blocks(end - begin, block_nodes, threads_, [&](index_t, index_t first, index_t last) {
        for (index_t k = first; k < last; ++k) {
          const TreeNode& node = tree_.node[begin + k];
          const std::int32_t* bound = &tree_.split[k * most];
          std::int32_t start = node.begin;
          for (std::int32_t child = node.child; child < node.child_end; ++child) {
            tree_.node[child].begin = start;
            start = tree_.node[child].end = *bound++;
          }
        }
      });
      begin = end;
      end = next;
    }
    tree_.n_nodes = end;
  }

  // Writes where the children of a node end. Returns their number, which is 0 for a leaf.
  std::int32_t split(const TreeNode& node, std::int32_t* bound) {
    if (node.count() <= leaf_size_) return 0;
    const std::uint32_t* const code = tree_.code.data();
    if (code[node.begin] == code[node.end - 1] && !refine(node.begin, node.end)) return 0;
    const int bit = highest_bit(code[node.begin] ^ code[node.end - 1]);
    const int shift = bit / D * D;
    std::int32_t children = 0;
    for (std::int32_t start = node.begin; start < node.end; ++children) {
      const std::uint32_t cell = code[start] >> shift;
      start = static_cast<std::int32_t>(
          std::upper_bound(code + start, code + node.end, cell,
                           [shift](std::uint32_t c, std::uint32_t p) { return c < p >> shift; }) -
          code);
      bound[children] = start;
    }
    return children;
  }

  // Sorts points that share one cell of the grid, by a grid of their own. Relative to their extent
  // it is as fine as the first grid. Returns false if all points are equal. Each time, the extent
  // becomes smaller by a factor of the number of cells. The range of float thus bounds the depth of
  // the tree.
  bool refine(std::int32_t begin, std::int32_t end) {
    TreeBox box = empty_box<D>();
    for (std::int32_t i = begin; i < end; ++i) merge<D>(box, point_box(i));
    if (!(longest_side<D>(box) > 0.0f)) return false;
    const MortonGrid<D> grid(box.lower, box.upper, code_bits);
    std::uint64_t* const key = tree_.key.data();
    for (std::int32_t i = begin; i < end; ++i) {
      key[i] = morton_key(grid([&](int c) { return tree_.coordinate[c][i]; }), tree_.row[i]);
    }
    std::sort(key + begin, key + end);
    for (std::int32_t i = begin; i < end; ++i) {
      const std::int32_t row = point_of(key[i]);
      tree_.code[i] = code_of(key[i]);
      tree_.row[i] = row;
      for (int c = 0; c < D; ++c) tree_.coordinate[c][i] = clipped(row, c);
    }
    return true;
  }

  TreeBox point_box(std::int32_t i) const {
    TreeBox box{};
    for (int c = 0; c < D; ++c) box.lower[c] = box.upper[c] = tree_.coordinate[c][i];
    return box;
  }

  // Computes boxes and centres of mass, from the leaves up.
  void summarize() {
    make_room(tree_.box, tree_.n_nodes);
    make_room(tree_.sum, tree_.n_nodes);
    tree_.source.make_room(D, tree_.n_nodes);
    for (std::size_t level = tree_.level.size() - 1; level > 0; --level) {
      const index_t offset = tree_.level[level - 1];
      for_blocks(tree_.level[level] - offset, block_nodes, threads_,
                 [&](index_t, index_t first, index_t last) {
                   for (index_t k = first; k < last; ++k) summarize(offset + k);
                 });
    }
  }

  void summarize(index_t k) {
    const TreeNode& node = tree_.node[k];
    TreeBox box = empty_box<D>();
    Tree::Sum sum{};
    if (node.leaf()) {
      for (std::int32_t i = node.begin; i < node.end; ++i) {
        merge<D>(box, point_box(i));
        for (int c = 0; c < D; ++c) sum.coordinate[c] += tree_.coordinate[c][i];
      }
    } else {
      for (std::int32_t child = node.child; child < node.child_end; ++child) {
        merge<D>(box, tree_.box[child]);
        for (int c = 0; c < D; ++c) sum.coordinate[c] += tree_.sum[child].coordinate[c];
      }
    }
    TreeSources& source = tree_.source;
    const double mass = node.count();
    for (int c = 0; c < D; ++c) source.centre[c][k] = static_cast<float>(sum.coordinate[c] / mass);
    source.mass[k] = static_cast<float>(mass);
    const float side = longest_side<D>(box);
    // Points that are not equal must never have a size of 0.
    source.size_squared[k] = side > 0.0f ? std::max(side * side, FLT_MIN) : 0.0f;
    source.link[k] = static_cast<std::int32_t>(node.leaf() ? ~k : k);
    tree_.box[k] = box;
    tree_.sum[k] = sum;
  }

  Tree& tree_;
  const float* y_;
  index_t n_;
  float limit_;
  index_t leaf_size_;
  int threads_;
};

}  // namespace

void build_tree(Tree& tree, const float* y, index_t n, int d, float limit, int leaf_size,
                int threads) {
  with_small_dimension(d, [&](auto dimension) {
    Builder<decltype(dimension)::value>(tree, y, n, limit, leaf_size, threads).build();
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
