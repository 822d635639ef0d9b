// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdlib>

#include "support/build.hpp"

namespace plait::test {

inline long from_environment(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atol(text) : otherwise;
}
/// How many operations a stress test does: PLAIT_STRESS_OPERATIONS, else `plain`, fewer under a sanitizer.
inline long stress_operations(int plain) { return from_environment("PLAIT_STRESS_OPERATIONS", rounds(plain)); }
/// What a stress test's choices follow from: PLAIT_STRESS_SEED, else 1.
inline unsigned stress_seed() { return static_cast<unsigned>(from_environment("PLAIT_STRESS_SEED", 1)); }

}  // namespace plait::test
