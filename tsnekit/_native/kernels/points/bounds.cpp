#include "kernels/points/bounds.hpp"

#include "dimensions.hpp"

namespace tsnekit::TSNEKIT_ISA {

void point_bounds(index_t n, int d, const float* y, float* lower, float* upper, int threads) {
  constexpr index_t block_points = 8192;
  const index_t blocks = (n + block_points - 1) / block_points;
  std::vector<float> lows(static_cast<std::size_t>(blocks * d));
  std::vector<float> highs(static_cast<std::size_t>(blocks * d));
  with_dimension(d, [&](auto dimension) {
    constexpr int D = decltype(dimension)::value;
    const int dims = D ? D : d;
    for_blocks(n, block_points, threads, [&](index_t block, index_t begin, index_t end) {
      float* low = lows.data() + block * dims;
      float* high = highs.data() + block * dims;
      for (int c = 0; c < dims; ++c) {
        float least = y[begin * dims + c];
        float most = least;
#pragma omp simd reduction(min : least) reduction(max : most)
        for (index_t i = begin; i < end; ++i) {
          const float value = y[i * dims + c];
          least = value < least ? value : least;
          most = value > most ? value : most;
        }
        low[c] = least;
        high[c] = most;
      }
    });
  });
  for (int c = 0; c < d; ++c) {
    lower[c] = lows[static_cast<std::size_t>(c)];
    upper[c] = highs[static_cast<std::size_t>(c)];
  }
  for (std::size_t k = 0; k < lows.size(); ++k) {
    const std::size_t c = k % static_cast<std::size_t>(d);
    lower[c] = std::min(lower[c], lows[k]);
    upper[c] = std::max(upper[c], highs[k]);
  }
}

}  // namespace tsnekit::TSNEKIT_ISA
