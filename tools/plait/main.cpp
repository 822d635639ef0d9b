// SPDX-License-Identifier: BSL-1.0
// The command `plait`.
#include <fmt/format.h>

#include <exception>

#include "compare.hpp"
#include "options.hpp"
#include "parts.hpp"

int main(int argc, char** argv) {
  using namespace plait::tool;
  try {
    const auto asked = read_command_line(argc, argv);
    if (const auto* end = std::get_if<EndNow>(&asked)) {
      fmt::print(end->exit_code == 0 ? stdout : stderr, "{}", end->text);
      return end->exit_code;
    }
    if (const auto* child = std::get_if<ChildOptions>(&asked)) return run_part(child->part, child->arguments);
    return compare(std::get<CompareOptions>(asked));
  } catch (const std::exception& error) {
    fmt::print(stderr, "plait: {}\n", error.what());
    return 1;
  }
}
