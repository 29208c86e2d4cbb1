#include "kernels/points/order.hpp"

#include <limits>

#include "dimensions.hpp"
#include "kernels/points/bounds.hpp"
#include "kernels/points/morton.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 4096;
constexpr int code_bits = std::numeric_limits<std::uint32_t>::digits;

}  // namespace

void curve_order(index_t n, int d, const float* y, std::int32_t* order, int threads) {
  const auto axes = static_cast<std::size_t>(d), points = static_cast<std::size_t>(n);
  std::vector<float> lower(axes), upper(axes);
  point_bounds(n, d, y, lower.data(), upper.data(), threads);
  std::vector<std::uint64_t> key(points), other(points);
  with_dimension(d, [&](auto dimension) {
    const MortonGrid<decltype(dimension)::value> grid(lower.data(), upper.data(), code_bits, d);
    for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
      for (index_t i = first; i < last; ++i) {
        key[i] = morton_key(grid([&](int c) { return y[i * d + c]; }), i);
      }
    });
  });
  std::vector<index_t> count;
  radix_sort(key, other, count, n, code_bits, threads);
  std::transform(key.begin(), key.end(), order, point_of);
}

void gather_rows(index_t n, int d, const float* y, const std::int32_t* order, float* out,
                 int threads) {
  for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    for (index_t r = first; r < last; ++r) {
      for (int c = 0; c < d; ++c) out[r * d + c] = y[static_cast<index_t>(order[r]) * d + c];
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
