// SPDX-License-Identifier: BSL-1.0
#include <iostream>
#include <plait/generator.hpp>
#include <vector>

plait::Generator<int> gen(const std::vector<int>& seq) {
  for (int item : seq) co_yield item;
}

int main() try {
  std::vector data{0, 1, 2, 3};
  auto g = gen(data);
  while (true) std::cout << plait::next(g) << '\n';
} catch (const std::exception& uncaught) {  // Python's own last word on an exception that nobody caught
  std::cerr << uncaught.what() << '\n';
  return 1;
}
