// SPDX-License-Identifier: BSL-1.0
#include <iostream>
#include <plait/generator.hpp>
#include <vector>

plait::Generator<int> gen(const std::vector<int>& seq) {
  for (int item : seq) co_yield item;
}

int main() {
  std::vector data{0, 1, 2, 3};
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
