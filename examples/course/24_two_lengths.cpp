// SPDX-License-Identifier: BSL-1.0
#include <iostream>
#include <plait/generator.hpp>
#include <ranges>

plait::Generator<int> gen(auto seq) { co_yield plait::elements_of(seq); }

int main() {
  auto g1 = gen(std::views::iota(0, 5));
  auto g2 = gen(std::views::iota(15, 18));
  bool g1_not_exhausted = true;
  bool g2_not_exhausted = true;
  while (g1_not_exhausted || g2_not_exhausted) {
    if (g1_not_exhausted) {
      try {
        std::cout << plait::next(g1) << '\n';
      } catch (const plait::StopIteration&) {
        std::cout << "the generator 1 is exhausted\n";
        g1_not_exhausted = false;
      }
    }
    if (g2_not_exhausted) {
      try {
        std::cout << plait::next(g2) << '\n';
      } catch (const plait::StopIteration&) {
        std::cout << "the generator 2 is exhausted\n";
        g2_not_exhausted = false;
      }
    }
  }
}
