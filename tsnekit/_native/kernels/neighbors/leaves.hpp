// The nearest rows of each row within the nodes of a tree, by measuring every pair of a node.
//
// A node of some hundred rows fits into the cache. There, to measure a pair takes a small part of
// the time that two rows take that lie anywhere in memory. The nodes of several trees overlap, and
// what they find is merged into one list for each row (Munoz and others, 2019, "Hierarchical
// clustering-based graphs for large scale approximate nearest neighbor search"; "PiPNN", 2026,
// arXiv 2602.21247).
#pragma once

#include "isa.hpp"
#include "kernels/neighbors/forest.hpp"
#include "kernels/neighbors/rows.hpp"

namespace tsnekit {

// Merges the nearest rows of each row into `lists`, one list for each row of the data, from the
// nodes `first` to `last` of one level of a tree. A node that holds rows whose distances single
// precision blurs may miss some of its nearest rows.
TSNEKIT_DECLARE(void, scan_nodes, const Rows& data, RowMetric metric, const Forest& forest,
                int tree, int level, index_t first, index_t last, const NeighborLists& lists,
                int threads)

// Names the rows of `n` lists (n, k) anew: row r becomes name[r]. Rows at equal distances are then
// in the order of the new names.
TSNEKIT_DECLARE(void, rename_rows, index_t n, int k, std::int32_t* index, const float* distance,
                const std::int32_t* name, int threads)

}  // namespace tsnekit
