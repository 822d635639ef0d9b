// SPDX-License-Identifier: BSL-1.0
#include <iostream>
#include <plait/generator.hpp>
#include <ranges>

plait::Generator<int> gen(auto seq) { co_yield plait::elements_of(seq); }

int main() {
  auto data1 = std::views::iota(0, 5);
  auto data2 = data1;
  auto g1 = gen(data1);
  auto g2 = gen(data2);
  while (true) {
    try {
      std::cout << plait::next(g1) << '\n';
      std::cout << plait::next(g2) << '\n';
    } catch (const plait::StopIteration&) {
      std::cout << "the generators are exhausted\n";
      break;
    }
  }
}
