// The caches of the processor, as far as the system tells.
#pragma once

#if defined(__linux__)
#include <unistd.h>
#endif

namespace tsnekit {

// Bytes of the second cache of a core, or 0 if the system does not tell.
inline long second_cache_bytes() noexcept {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  const long found = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return found > 0 ? found : 0;
#else
  return 0;
#endif
}

}  // namespace tsnekit
