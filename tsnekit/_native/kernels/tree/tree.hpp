// A tree over points in 1, 2 or 3 dimensions.
#pragma once

#include <cstdint>
#include <vector>

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

// Makes room for `count` items, and for more next time.
template <class T>
void make_room(std::vector<T>& items, index_t count) {
  if (static_cast<index_t>(items.size()) < count) {
    items.resize(static_cast<std::size_t>(count + count / 4));
  }
}

// How many items after the last one vector instructions may touch, in an array of coordinates.
constexpr index_t padding = 16;

// A cell that holds the points begin..end in the tree's order. Its children are the nodes
// child..child_end. A leaf has none.
struct TreeNode {
  std::int32_t begin, end;
  std::int32_t child, child_end;

  std::int32_t count() const { return end - begin; }
  bool leaf() const { return child == child_end; }
};

// Cells as sources of forces.
struct TreeSources {
  std::vector<float> centre[3], mass;
  std::vector<float> size_squared;  // of the longest side of the points' box; 0 if all are equal
  std::vector<std::int32_t> link;   // number of the node, as a complement (~number) for a leaf

  void make_room(int d, index_t count) {
    for (int c = 0; c < d; ++c) tsnekit::make_room(centre[c], count + padding);
    tsnekit::make_room(mass, count + padding);
    tsnekit::make_room(size_squared, count + padding);
    tsnekit::make_room(link, count + padding);
  }
};

struct TreeBox {
  float lower[3], upper[3];
};

// Points along a Morton curve, and the nodes over them, level by level. The vectors only grow, so
// that a tree that is built again and again allocates nothing.
struct Tree {
  index_t n_points = 0, n_nodes = 0;
  std::vector<float> coordinate[3];
  std::vector<std::int32_t> row;  // number of a point in the caller's array
  std::vector<TreeNode> node;     // node 0 is the root
  std::vector<TreeBox> box;
  TreeSources source;

  // Working space of the build.
  struct Sum {
    double coordinate[3];
  };
  std::vector<std::uint32_t> code;
  std::vector<std::uint64_t> key, other_key;
  std::vector<index_t> histogram, level;
  std::vector<std::int32_t> split;
  std::vector<Sum> sum;
};

// Builds the tree of `y` (n, d), with d at most 3. Coordinates are clipped to [-limit, limit]. A
// leaf holds at most `leaf_size` points, unless all its points are equal.
TSNEKIT_DECLARE(void, build_tree, Tree& tree, const float* y, index_t n, int d, float limit,
                int leaf_size, int threads)

}  // namespace tsnekit
