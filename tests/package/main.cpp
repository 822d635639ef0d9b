// SPDX-License-Identifier: BSL-1.0
// All that somebody writes who takes Plait into use: the headers compile; the library is found, linked and run.
#include <plait/plait.hpp>
#include <plait/version.hpp>

#include <chrono>
#include <cstdio>

plait::Task<int> amain() {
  co_await plait::sleep(std::chrono::milliseconds(1));
  std::puts(PLAIT_VERSION);
  co_return 0;
}

int main() { return plait::run(amain()); }
