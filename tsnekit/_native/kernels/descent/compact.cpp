#include "kernels/descent/compact.hpp"

#include "kernels/descent/compact_entry.hpp"

namespace tsnekit::TSNEKIT_ISA {

void compact_affinities(const Affinities& p, const std::int32_t* rows, index_t n_columns,
                        const std::int32_t* order, index_t* row_start, std::uint32_t* word,
                        std::uint8_t* tail, int threads) {
  constexpr index_t block_rows = 4096;
  std::vector<std::int32_t> place(static_cast<std::size_t>(n_columns));
  for (index_t c = 0; c < n_columns; ++c) {
    place[static_cast<std::size_t>(order[c])] = static_cast<std::int32_t>(c);
  }
  row_start[0] = 0;
  for (index_t r = 0; r < p.n_rows; ++r) {
    const index_t i = rows[r];
    row_start[r + 1] = row_start[r] + (p.row_start[i + 1] - p.row_start[i]);
  }
  for_blocks(p.n_rows, block_rows, threads, [&](index_t, index_t first, index_t last) {
    for (index_t r = first; r < last; ++r) {
      const index_t from = p.row_start[rows[r]], to = row_start[r];
      const index_t count = row_start[r + 1] - to;
      for (index_t k = 0; k < count; ++k) {
        const std::int32_t column = place[static_cast<std::size_t>(p.column[from + k])];
        compact_entry(column, p.value[from + k], word[to + k], tail[to + k]);
      }
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
