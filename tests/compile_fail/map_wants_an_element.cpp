// expect: f can't be called with an element of the range
// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>

#include <string>
#include <vector>

int main() {
  plait::ThreadPool pool(1);
  const std::vector<int> xs{1};
  for (int y : pool.map([](const std::string& s) { return static_cast<int>(s.size()); }, xs)) return y;
}
