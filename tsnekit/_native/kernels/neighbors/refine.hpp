// From rough lists of nearest neighbors to good ones.
//
// A neighbor of a neighbor is likely to be a neighbor (Dong, Moses and Li, 2011, "Efficient
// k-nearest neighbor graph construction for generic similarity measures"). A search along neighbors
// goes far on few links if no link points in the direction of a shorter link (Arya and Mount, 1993,
// "Approximate nearest neighbor queries in fixed dimensions").
//
// One pass therefore links each row to a few neighbors in different directions, and to the rows
// that chose it. Then it follows the links from the list of each row, nearest first, while this
// finds nearer rows. Links do not change while they are followed, and each row writes only its own
// list. The number of threads therefore makes no difference.
#pragma once

#include "isa.hpp"
#include "kernels/neighbors/rows.hpp"

namespace tsnekit {

// Links from each row to others, borrowed; -1 after the last of a row.
struct Links {
  int degree;
  const std::int32_t* index;  // (n, degree)
};

// Fills `lists` with the nearest of the `width` candidates (lists.n, width) of each query.
// Candidates may be unordered or repeated, and -1 stands for none. A row is no candidate of itself.
TSNEKIT_DECLARE(void, rank_candidates, const Queries& queries, const Rows& data, RowMetric metric,
                const std::int32_t* candidates, int width, const NeighborLists& lists, int threads)

// Fills `links` (n, degree). A row first gets links to some of its `reach` nearest rows, at most
// half of `degree`. None of these rows is much nearer to another of them than to the row. Then the
// row gets links to the rows that chose it, nearest first.
TSNEKIT_DECLARE(void, link_rows, const Rows& data, RowMetric metric, const FoundLists& lists,
                int reach, int degree, std::int32_t* links, int threads)

// Follows links from the `breadth` nearest rows of each query until all of them are followed. Keeps
// the rows that are nearer than the rows in the list.
TSNEKIT_DECLARE(void, follow_links, const Queries& queries, const Rows& data, RowMetric metric,
                const Links& links, int breadth, const NeighborLists& lists, int threads)

}  // namespace tsnekit
