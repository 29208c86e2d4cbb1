// Threads over fixed blocks, so that results do not depend on how many threads there are.
//
// The blocks depend on n alone, a block is always computed by one thread in one order, and sums
// over blocks are added up in block order: the same bits for any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace tsnekit {

using index_t = std::int64_t;

// Calls body(block, begin, end) for each block of `block_size` consecutive items out of n.
template <class Body>
void for_blocks(index_t n, index_t block_size, int threads, Body&& body) {
  const index_t blocks = (n + block_size - 1) / block_size;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1 && blocks > 1)
#endif
  for (index_t b = 0; b < blocks; ++b) {
    body(b, b * block_size, std::min(n, (b + 1) * block_size));
  }
}

// The sum of body(begin, end) over the blocks, in block order.
template <class Body>
double sum_blocks(index_t n, index_t block_size, int threads, Body&& body) {
  std::vector<double> partial(static_cast<std::size_t>((n + block_size - 1) / block_size));
  for_blocks(n, block_size, threads, [&](index_t b, index_t begin, index_t end) {
    partial[static_cast<std::size_t>(b)] = body(begin, end);
  });
  double total = 0.0;
  for (const double value : partial) total += value;
  return total;
}

// Calls body(std::integral_constant<int, D>) with D = d for 1, 2 and 3, and D = 0 (dimension
// known at run time only) for more, so that a kernel is written once for every dimension.
template <class Body>
auto with_dimension(int d, Body&& body) {
  switch (d) {
    case 1: return body(std::integral_constant<int, 1>{});
    case 2: return body(std::integral_constant<int, 2>{});
    case 3: return body(std::integral_constant<int, 3>{});
    default: return body(std::integral_constant<int, 0>{});
  }
}

}  // namespace tsnekit
