// SPDX-License-Identifier: BSL-1.0
#include <iostream>
#include <plait/generator.hpp>
#include <ranges>

plait::Generator<int> gen(auto seq) { co_yield plait::elements_of(seq); }

int main() {
  auto data = std::views::iota(0, 4);
  auto g = gen(data);
  while (true) {
    try {
      std::cout << plait::next(g) << '\n';
    } catch (const plait::StopIteration&) {
      std::cout << "the generator is exhausted\n";
      break;
    }
  }
}
