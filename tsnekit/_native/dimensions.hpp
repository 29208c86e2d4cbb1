// The one switch over the number of dimensions. With it, a kernel is written once for all of them.
#pragma once

#include <type_traits>

namespace tsnekit {

// Calls body(std::integral_constant<int, d>); d is 1, 2 or 3.
template <class Body>
auto with_small_dimension(int d, Body&& body) {
  switch (d) {
    case 1: return body(std::integral_constant<int, 1>{});
    case 2: return body(std::integral_constant<int, 2>{});
    default: return body(std::integral_constant<int, 3>{});
  }
}

// The same for any d. Above 3, the constant is 0, and the kernel uses the d known at run time.
template <class Body>
auto with_dimension(int d, Body&& body) {
  if (d > 3) return body(std::integral_constant<int, 0>{});
  return with_small_dimension(d, body);
}

}  // namespace tsnekit
