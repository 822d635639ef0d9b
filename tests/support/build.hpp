// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "plait/core/strand.hpp"

namespace plait::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

/// How often a stress test repeats: fewer times under a sanitizer, which costs a factor of ten and more.
constexpr int rounds(int plain) { return kSanitized ? std::max(1, plain / 10) : plain; }

/// How much of the stack was in use between the calls of `touch`.
class StackMeter {
 public:
  void touch() noexcept {
    const std::uintptr_t here = detail::stack_pointer();
    low_ = std::min(low_, here);
    high_ = std::max(high_, here);
  }
  std::uintptr_t used() const noexcept { return high_ - low_; }

 private:
  std::uintptr_t low_ = std::numeric_limits<std::uintptr_t>::max();
  std::uintptr_t high_ = 0;
};

/// Counts the live ones of its kind: what is made must die, once.
struct Counted {
  static inline int live = 0;
  Counted() { ++live; }
  Counted(const Counted&) { ++live; }
  Counted(Counted&&) noexcept { ++live; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --live; }
};

}  // namespace plait::test
