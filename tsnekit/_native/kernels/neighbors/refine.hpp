// From rough lists of nearest neighbors to good ones.
//
// A neighbor of a neighbor is likely to be a neighbor (Dong, Moses and Li, 2011, "Efficient
// k-nearest neighbor graph construction for generic similarity measures"), and a search along
// neighbors goes far on few links if none of them points where a shorter one already does (Arya
// and Mount, 1993, "Approximate nearest neighbor queries in fixed dimensions"). So one pass links
// each row to the few of its neighbors that lie in different directions, and to the rows that
// chose it, and then follows the links from each row's list, nearest first, for as long as this
// finds nearer ones. Links do not change while they are followed and each row writes its own list
// only, so the number of threads makes no difference.
#pragma once

#include "isa.hpp"
#include "kernels/neighbors/rows.hpp"

namespace tsnekit {

// Links from each row to others, borrowed; -1 after the last of a row.
struct Links {
  int degree;
  const std::int32_t* index;  // (n, degree)
};

// Fills `lists` by the nearest of the `width` candidates (lists.n, width) of each query, which may
// be unordered, repeated, or -1 for none. A row is no candidate of itself.
TSNEKIT_DECLARE(void, rank_candidates, const Queries& queries, const Rows& data, RowMetric metric,
                const std::int32_t* candidates, int width, const NeighborLists& lists, int threads)

// Fills `links` (n, degree). A row first gets up to half of `degree` of its `reach` nearest, none of
// them much nearer to another of them than to the row; then it gets rows that chose it, the nearest
// first.
TSNEKIT_DECLARE(void, link_rows, const Rows& data, RowMetric metric, const FoundLists& lists,
                int reach, int degree, std::int32_t* links, int threads)

// Follows links from the `breadth` nearest of each query until none of them is left to follow, and
// keeps what is nearer than what was there.
TSNEKIT_DECLARE(void, follow_links, const Queries& queries, const Rows& data, RowMetric metric,
                const Links& links, int breadth, const NeighborLists& lists, int threads)

}  // namespace tsnekit
