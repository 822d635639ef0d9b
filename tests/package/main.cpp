// SPDX-License-Identifier: BSL-1.0
// All that somebody writes who takes Plait into use: the headers compile; the library is found, linked and run.
#include <plait/plait.hpp>
#include <plait/version.hpp>

#include <chrono>
#include <cstdio>

int answer() { return 42; }

plait::Task<int> amain() {
  co_await plait::sleep(std::chrono::milliseconds(1));
  std::puts(PLAIT_VERSION);
  // The program was linked so that it can start processes.
  co_return co_await plait::spawn_process(answer) == 42 ? 0 : 1;
}

int main() { return plait::run(amain()); }
