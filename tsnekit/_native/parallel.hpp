// Threads over fixed blocks, so that results do not depend on how many threads there are.
//
// The blocks depend on n alone, a block is always computed by one thread in one order, and sums
// over blocks are added up in block order: the same bits for any number of threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace tsnekit {

using index_t = std::int64_t;

// Calls task(context, block) for each block below `blocks`, on the calling thread and up to
// `threads` - 1 others. Whoever is free takes the next block, and nobody waits for a thread that
// has not begun one: on a busy machine, the calling thread does the work by itself. An exception
// of a task ends the work and is thrown here. Can be called from several threads and from within
// a task; whoever finds the threads taken works alone.
void run_blocks(index_t blocks, int threads, void (*task)(void*, index_t), void* context);

// Number of the thread within the work that it takes part in: 0 for the caller, below `threads`.
int worker() noexcept;

// Whether there can be more than one thread.
bool has_threads() noexcept;

// Calls body(block, begin, end) for each block of `block_size` consecutive items out of n.
template <class Body>
void for_blocks(index_t n, index_t block_size, int threads, Body&& body) {
  struct Call {
    Body& body;
    index_t n, block_size;
  } call{body, n, block_size};
  run_blocks(
      (n + block_size - 1) / block_size, threads,
      [](void* context, index_t block) {
        Call& call = *static_cast<Call*>(context);
        const index_t begin = block * call.block_size;
        call.body(block, begin, std::min(call.n, begin + call.block_size));
      },
      &call);
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
