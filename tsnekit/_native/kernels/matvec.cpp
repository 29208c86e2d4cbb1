#include "kernels/matvec.hpp"

namespace tsnekit::TSNEKIT_ISA {

void matvec(index_t n_rows, const index_t* row_start, const std::int32_t* column,
            const float* value, const float* x, float* out, int threads) {
  for_blocks(n_rows, 256, threads, [&](index_t, index_t first, index_t last) {
    for (index_t i = first; i < last; ++i) {
      const std::int32_t* columns = column + row_start[i];
      const float* values = value + row_start[i];
      const int count = static_cast<int>(row_start[i + 1] - row_start[i]);
      float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
      for (int j = 0; j < count; ++j) sum += values[j] * x[columns[j]];
      out[i] = sum;
    }
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
