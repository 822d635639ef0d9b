// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace plait::tool {

/// `plait compare DIR`
struct CompareOptions {
  std::string directory;
  bool print = false;
  std::string html;  ///< empty: no page
  std::string json;  ///< empty: no JSON
};

/// The command run again by itself, hidden from the help: one way in a process of its own.
struct ChildOptions {
  std::string part;                    ///< what to run
  std::vector<std::string> arguments;  ///< as the parent gave them, the pipe for the report last
};

/// The command ends at once, with a text on standard output (or, for an error, standard error).
struct EndNow {
  int exit_code = 0;
  std::string text;
};

/// Reads the command line; an error is exit code 2 and one sentence.
std::variant<CompareOptions, ChildOptions, EndNow> read_command_line(int argc, const char* const* argv);

}  // namespace plait::tool
