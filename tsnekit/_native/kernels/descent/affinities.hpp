// Sparse matrices of affinities, in CSR and in compact form. Both borrow their arrays.
#pragma once

#include "parallel.hpp"

namespace tsnekit {

// In CSR form.
struct Affinities {
  index_t n_rows;
  const index_t* row_start;   // (n_rows + 1,)
  const std::int32_t* column;
  const float* value;
};

// 5 bytes per entry; see kernels/descent/compact_entry.hpp. Columns are below 2^24.
struct CompactAffinities {
  index_t n_rows;
  const index_t* row_start;  // (n_rows + 1,)
  const std::uint32_t* word;
  const std::uint8_t* tail;
};

}  // namespace tsnekit
