// How the points that the columns of a row name come into a vector.
#pragma once

namespace tsnekit {

// By the processor's gather instruction, or by one load for each point. On processors of Intel the
// instruction is the faster way, and on those of AMD the loads are. Both bring the same bits.
enum class Loading { gather, one_by_one };

}  // namespace tsnekit
