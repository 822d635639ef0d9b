// SPDX-License-Identifier: BSL-1.0
#include <iostream>
#include <plait/generator.hpp>
#include <vector>

plait::Generator<int> gen(const std::vector<int>& seq) {
  for (int item : seq) co_yield item;
}

int main() {
  std::vector data{0, 1, 2, 3};
  for (int i : gen(data)) std::cout << i << '\n';
}
