// SPDX-License-Identifier: BSL-1.0
#include <plait/generator.hpp>
#include <variant>

#include "counter.hpp"

using namespace std::chrono_literals;

constexpr int kN = 5;
constexpr auto kDelay = 500ms;
using Steps = plait::Generator<std::monostate>;

Steps gen1(int n) {
  for (int i = 0; i < n; ++i) {
    co_yield {};
    plait::sleep_for(kDelay);
    std::printf("--- line #%d from %d is completed\n", i, n);
  }
}

Steps gen2(int n) {
  for (int i = 0; i < n; ++i) {
    co_yield {};
    plait::sleep_for(kDelay);
    std::printf("=== line #%d from %d is completed\n", i, n);
  }
}

void script() {
  Steps g1 = gen1(kN);
  Steps g2 = gen2(kN);
  bool g1_not_exhausted = true;
  bool g2_not_exhausted = true;
  while (g1_not_exhausted || g2_not_exhausted) {
    if (g1_not_exhausted) {
      try {
        plait::next(g1);
      } catch (const plait::StopIteration&) {
        std::puts("the generator 1 is exhausted");
        g1_not_exhausted = false;
      }
    }
    if (g2_not_exhausted) {
      try {
        plait::next(g2);
      } catch (const plait::StopIteration&) {
        std::puts("the generator 2 is exhausted");
        g2_not_exhausted = false;
      }
    }
  }
}

int main() { time_counter(script); }
