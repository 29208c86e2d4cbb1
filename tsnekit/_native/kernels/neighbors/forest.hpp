// A forest of random projection trees: rows that are near each other often share a leaf.
//
// Each node takes two of its rows at random. It splits the other rows, at the median, by how much
// nearer they are to the first than to the second (Dasgupta and Freund, 2008, "Random projection
// trees and low dimensional manifolds"). Trees are therefore balanced for any data, and all have
// the same depth. Node j of level l has the places from j n / 2^l to (j + 1) n / 2^l, so that no
// tree needs pointers. Equal rows are divided at random, and differently in each tree.
#pragma once

#include "isa.hpp"
#include "kernels/neighbors/rows.hpp"

namespace tsnekit {

struct Forest {
  int trees, depth;
  std::int32_t* place;  // (trees, n): the rows of the first leaf, of the second one, ...
  std::int32_t* leaf;   // (trees, n): the leaf of each row
  std::int32_t* pole;   // (trees, 2^depth - 1, 2): the two rows of each node, level by level
  float* median;        // (trees, 2^depth - 1): how much nearer to the first a row must be to go left
};

// The first place of a node of a level.
inline index_t node_begin(index_t n, int level, index_t node) { return node * n >> level; }

// Grows `trees` trees from `first_tree` on. Tree first_tree + t is a function of the data and
// `seeds`[t].
TSNEKIT_DECLARE(void, grow_forest, const Rows& data, RowMetric metric, int first_tree, int trees,
                const std::uint64_t* seeds, const Forest& forest, int threads)

// Fills `leaf` (trees, m) by the leaves to which `m` other rows belong.
TSNEKIT_DECLARE(void, find_leaves, const float* queries, index_t m, const Rows& data,
                RowMetric metric, const Forest& forest, std::int32_t* leaf, int threads)

// Fills `lists` with the nearest of the rows that share a leaf with a query. The leaves of the
// queries are (trees, leaf_stride). A row is no candidate of itself.
TSNEKIT_DECLARE(void, rank_leaf_mates, const Queries& queries, const Rows& data, RowMetric metric,
                const Forest& forest, const std::int32_t* leaf, index_t leaf_stride,
                const NeighborLists& lists, int threads)

}  // namespace tsnekit
