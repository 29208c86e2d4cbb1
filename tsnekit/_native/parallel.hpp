// Threads over fixed blocks, so that results do not depend on the number of threads.
//
// The blocks depend on n alone. One thread computes a block, always in the same order. Sums over
// blocks are added up in the order of the blocks. So the result has the same bits for any number of
// threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace tsnekit {

using index_t = std::int64_t;

// One block of work. `worker` is the number of the thread among the threads that share the work. It
// is 0 for the caller, and always below `threads`.
using BlockTask = void (*)(void* context, index_t block, int worker);

// Calls task(context, block, worker) for each block below `blocks`, on the calling thread and on up
// to `threads` - 1 others. A thread that is free takes the next block. The caller does not wait for
// a thread that has not begun a block: on a busy machine, it does all the work by itself.
//
// An exception of a task, on any thread, ends the work and is thrown here. If the system gives no
// thread, fewer threads do the work. The function can be called from several threads and from
// within a task. If the threads are taken, the caller does the work alone.
void run_blocks(index_t blocks, int threads, BlockTask task, void* context);

// Whether there can be more than one thread.
bool has_threads() noexcept;

// Calls body(block, begin, end) for each block of `block_size` consecutive items out of n, or
// body(block, begin, end, worker) if the body has this parameter.
template <class Body>
void for_blocks(index_t n, index_t block_size, int threads, Body&& body) {
  struct Call {
    Body& body;
    index_t n, block_size;
  } call{body, n, block_size};
  run_blocks(
      (n + block_size - 1) / block_size, threads,
      [](void* context, index_t block, int worker) {
        Call& call = *static_cast<Call*>(context);
        const index_t begin = block * call.block_size;
        const index_t end = std::min(call.n, begin + call.block_size);
        if constexpr (std::is_invocable_v<Body&, index_t, index_t, index_t, int>) {
          call.body(block, begin, end, worker);
        } else {
          call.body(block, begin, end);
        }
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

}  // namespace tsnekit
