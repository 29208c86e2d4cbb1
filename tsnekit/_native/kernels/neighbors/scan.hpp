// Exact nearest neighbors by measuring every pair of rows.
#pragma once

#include "isa.hpp"
#include "kernels/neighbors/rows.hpp"

namespace tsnekit {

// Fills `lists` with the rows of the data that are nearest to each query. A row is no neighbor of
// itself.
TSNEKIT_DECLARE(void, scan_rows, const Queries& queries, const Rows& data, RowMetric metric,
                const NeighborLists& lists, int threads)

}  // namespace tsnekit
