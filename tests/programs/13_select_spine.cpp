// SPDX-License-Identifier: BSL-1.0
// select: readiness of raw descriptors, for coroutines; foreign libraries plug in here.
#include <plait/plait.hpp>

#undef NDEBUG
#include <unistd.h>

#include <cassert>

int main() {
  int fds[2];
  assert(::pipe(fds) == 0);

  assert(::write(fds[1], "x", 1) == 1);

  plait::run([&]() -> plait::Task<> { co_await plait::readable(fds[0]); });
}
