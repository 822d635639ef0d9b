// SPDX-License-Identifier: BSL-1.0
// Shows two bars on whatever its stderr is, and prints between them.
#include <cstdio>
#include <string_view>
#include <vector>

#include "plait/io/progress.hpp"
#include "plait/io/progress_bar.hpp"

int main(int argc, char** argv) {
  const bool throws = argc > 1 && std::string_view(argv[1]) == "throw";
  plait::ProgressBar bar({.title = "bytes", .total = 100, .leave = false});
  try {
    for (const int x : plait::progress(std::vector{1, 2, 3}, {.title = "数据"})) {
      bar.advance(x);
      if (throws && x == 3) throw x;
    }
  } catch (int) {
    bar.finish();
    std::puts("caught");
  }
  bar.finish();
  std::puts("done");
}
