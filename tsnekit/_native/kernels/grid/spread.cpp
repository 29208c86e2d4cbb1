#include "kernels/grid/stencil.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_points = 4096;
constexpr index_t max_strips = 64;

// Points are first grouped by strips of the grid's first axis. Strips that are not adjacent write
// to different nodes. So the even strips are spread in parallel, then the odd ones. The charges of
// a node are always added up in the same order.
struct Strips {
  index_t shift = 0;  // a strip is 2^shift cells high
  index_t count = 0;

  explicit Strips(const Grid& grid) {
    const index_t reach = 4 * quads_of(grid.width);  // in nodes
    while ((grid.step << shift) < reach || ((grid.cells[0] - 1) >> shift) >= max_strips) ++shift;
    count = ((grid.cells[0] - 1) >> shift) + 1;
  }

  index_t of(const Grid& grid, float y) const {
    float s;
    return find_cell(grid, 0, y, &s) >> shift;
  }
};

// Copies the points into `sorted`, grouped by strip. Within a strip they keep their order. Returns
// where each strip begins.
template <int D>
std::vector<index_t> group_by_strip(const Grid& grid, const Strips& strips, index_t n,
                                    const float* y, float* sorted, int threads) {
  const index_t blocks = (n + block_points - 1) / block_points;
  std::vector<index_t> next(static_cast<std::size_t>(blocks * strips.count));
  for_blocks(n, block_points, threads, [&](index_t block, index_t begin, index_t end) {
    index_t* count = next.data() + block * strips.count;
    for (index_t i = begin; i < end; ++i) ++count[strips.of(grid, y[i * D])];
  });
  std::vector<index_t> start(static_cast<std::size_t>(strips.count + 1));
  index_t total = 0;
  for (index_t strip = 0; strip < strips.count; ++strip) {
    start[static_cast<std::size_t>(strip)] = total;
    for (index_t block = 0; block < blocks; ++block) {
      index_t& slot = next[static_cast<std::size_t>(block * strips.count + strip)];
      const index_t count = slot;
      slot = total;
      total += count;
    }
  }
  start.back() = total;
  for_blocks(n, block_points, threads, [&](index_t block, index_t begin, index_t end) {
    index_t* slot = next.data() + block * strips.count;
    for (index_t i = begin; i < end; ++i) {
      float* to = sorted + slot[strips.of(grid, y[i * D])]++ * D;
      for (int c = 0; c < D; ++c) to[c] = y[i * D + c];
    }
  });
  return start;
}

template <int D, int P>
void spread_points(const Grid& grid, const Basis<P>& basis, index_t begin, index_t end,
                   const float* y, float* charge) {
  using Weights = typename Basis<P>::Weights;
  Placement<D> at;
  for (index_t first = begin; first < end; first += at.size) {
    const int count = static_cast<int>(std::min<index_t>(at.size, end - first));
    at.place(grid, count, y + first * D);
    for (int i = 0; i < count; ++i) {
      const Stencil<D, P> w(basis, at, i);
      for_stencil<D, P>(grid, [&](int a, int b, index_t offset) {
        float* node = charge + at.offset[i] + offset;
        Weights sum = w.last * w.factor(a, b);
        sum += Weights::load(node);
        sum.store(node);
      });
    }
  }
}

}  // namespace

void spread_charges(const Grid& grid, index_t n, const float* y, float* scratch, index_t size,
                    float* charge, int threads) {
  for_blocks(size, 1 << 16, threads, [&](index_t, index_t begin, index_t end) {
    std::fill(charge + begin, charge + end, 0.0f);
  });
  with_stencil(grid, [&](auto dimension, auto width) {
    constexpr int D = decltype(dimension)::value;
    constexpr int P = decltype(width)::value;
    const Strips strips(grid);
    const std::vector<index_t> start = group_by_strip<D>(grid, strips, n, y, scratch, threads);
    const Basis<P> basis(grid);
    for (index_t odd = 0; odd < 2; ++odd) {
      for_blocks((strips.count + 1 - odd) / 2, 1, threads, [&](index_t half, index_t, index_t) {
        const auto strip = static_cast<std::size_t>(2 * half + odd);
        spread_points<D, P>(grid, basis, start[strip], start[strip + 1], scratch, charge);
      });
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
