#include "kernels/reorder.hpp"

#include "kernels/packed.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 4096;

// Bits of the coordinate of one axis, so that the code of a point has at most 32.
int bits_per_axis(int d) { return std::max(1, std::min(16, 32 / d)); }

// Sorts by key, keeping the order of equal keys, a byte at a time.
void radix_sort(std::vector<std::uint32_t>& key, std::int32_t* order) {
  const std::size_t n = key.size();
  std::vector<std::uint32_t> other_key(n);
  std::vector<std::int32_t> other(n);
  std::int32_t* from = order;
  std::int32_t* to = other.data();
  for (int shift = 0; shift < 32; shift += 8) {
    std::size_t start[257] = {};
    for (const std::uint32_t k : key) ++start[((k >> shift) & 255) + 1];
    for (int digit = 0; digit < 256; ++digit) start[digit + 1] += start[digit];
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t place = start[(key[i] >> shift) & 255]++;
      other_key[place] = key[i];
      to[place] = from[i];
    }
    key.swap(other_key);
    std::swap(from, to);
  }
  // After an even number of passes the result is back in `order`.
}

}  // namespace

void curve_order(index_t n, int d, const float* y, std::int32_t* order, int threads) {
  const int bits = bits_per_axis(d), axes = std::min(d, 32);
  const float cells = static_cast<float>((1u << bits) - 1);
  std::vector<float> lower(y, y + axes), upper(y, y + axes);
  for (index_t i = 0; i < n; ++i) {
    for (int c = 0; c < axes; ++c) {
      lower[c] = std::min(lower[c], y[i * d + c]);
      upper[c] = std::max(upper[c], y[i * d + c]);
    }
  }
  std::vector<std::uint32_t> key(static_cast<std::size_t>(n));
  for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    for (index_t i = first; i < last; ++i) {
      std::uint32_t code = 0;
      for (int c = 0; c < axes; ++c) {
        const float width = upper[c] - lower[c];
        const float place = width > 0.0f ? (y[i * d + c] - lower[c]) / width : 0.0f;
        const auto cell = static_cast<std::uint32_t>(place * cells);
        for (int b = 0; b < bits; ++b) code |= ((cell >> b) & 1u) << (b * axes + c);
      }
      key[static_cast<std::size_t>(i)] = code;
      order[i] = static_cast<std::int32_t>(i);
    }
  });
  radix_sort(key, order);
}

void pack_affinities(const Affinities& p, const std::int32_t* order, index_t* row_start,
                     std::uint32_t* word, std::uint8_t* tail, int threads) {
  const index_t n = p.n_rows;
  std::vector<std::int32_t> place(static_cast<std::size_t>(n));
  row_start[0] = 0;
  for (index_t r = 0; r < n; ++r) {
    const index_t i = order[r];
    place[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(r);
    row_start[r + 1] = row_start[r] + (p.row_start[i + 1] - p.row_start[i]);
  }
  for_blocks(n, block_rows, threads, [&](index_t, index_t first, index_t last) {
    for (index_t r = first; r < last; ++r) {
      const index_t from = p.row_start[order[r]], to = row_start[r];
      const index_t count = row_start[r + 1] - to;
      for (index_t k = 0; k < count; ++k) {
        const std::int32_t column = place[static_cast<std::size_t>(p.column[from + k])];
        pack_entry(column, p.value[from + k], word[to + k], tail[to + k]);
      }
    }
  });
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
