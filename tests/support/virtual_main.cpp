// SPDX-License-Identifier: BSL-1.0
//
// Linked into a program, it runs the whole program, its end included, in virtual time if the environment says
// PLAIT_TEST_CLOCK=virtual.
#include <cstdlib>
#include <new>
#include <string_view>

#include "plait/testing/virtual_time.hpp"

namespace {

[[maybe_unused]] const bool installed = [] {
  const char* choice = std::getenv("PLAIT_TEST_CLOCK");
  if (!choice || std::string_view(choice) != "virtual") return false;
  alignas(plait::testing::VirtualTime) static std::byte memory[sizeof(plait::testing::VirtualTime)];
  new (memory) plait::testing::VirtualTime;  // never destroyed: the program's end runs in virtual time too
  return true;
}();

}  // namespace
