// Affinities in 5 bytes an entry, in an order of their points.
#pragma once

#include "isa.hpp"
#include "kernels/descent/affinities.hpp"

namespace tsnekit {

// Fills the arrays of a compact matrix whose row r is row order[r] of `p`; its columns are
// renumbered alike. There are at most 2^24 rows. The entries of a row keep their order.
TSNEKIT_DECLARE(void, compact_affinities, const Affinities& p, const std::int32_t* order,
                index_t* row_start, std::uint32_t* word, std::uint8_t* tail, int threads)

}  // namespace tsnekit
