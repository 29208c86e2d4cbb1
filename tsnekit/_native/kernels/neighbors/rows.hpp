// Rows of data, the metrics between them, and lists of nearest neighbors.
#pragma once

#include "parallel.hpp"

namespace tsnekit {

enum class RowMetric { squared_euclidean = 0, manhattan = 1, hamming = 2 };  // hamming: a count

// Rows of data, borrowed.
struct Rows {
  index_t n;
  int d;
  const float* data;  // (n, d)
};

// The rows that look for neighbors. They are part of the data and start at its row `first`. If
// `first` is -1, they are not part of the data.
struct Queries {
  const float* data;  // (lists.n, d)
  index_t first;
};

// The row of the data that query i is, or -1 if it is none.
inline index_t self_of(const Queries& queries, index_t i) {
  return queries.first < 0 ? -1 : queries.first + i;
}

// Neighbors of each row and their distances, ascending, ties by row. If there are fewer than k, the
// last places hold -1 and infinity.
struct NeighborLists {
  index_t n;
  int k;
  std::int32_t* index;  // (n, k)
  float* distance;      // (n, k)
};

// Such lists that are only read.
struct FoundLists {
  index_t n;
  int k;
  const std::int32_t* index;
  const float* distance;
};

}  // namespace tsnekit
