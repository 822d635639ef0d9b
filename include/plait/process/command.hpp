// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace plait::subprocess {

/// A program and its arguments, word by word, with no shell in between: `{"sort", "-n", path}`. The first word is a
/// path if it has a slash, and else looked for in PATH.
class Command {
 public:
  /// At least one word.
  template <class... Words>
    requires(sizeof...(Words) > 0 && (std::convertible_to<Words, std::string_view> && ...))
  // NOLINTNEXTLINE(google-explicit-constructor): a list of words is a command.
  Command(const Words&... words) {
    words_.reserve(sizeof...(Words));
    (words_.emplace_back(std::string_view(words)), ...);
  }
  /// Words that were put together before.
  Command(std::vector<std::string> words) : words_(std::move(words)) {}  // NOLINT(google-explicit-constructor)
  /// `text` for /bin/sh (Popen's shell=True). Never with what a stranger wrote in it.
  static Command shell(std::string_view text) { return Command("/bin/sh", "-c", text); }

  const std::vector<std::string>& words() const noexcept { return words_; }
  /// As one would type it: quoted for a shell where that is needed.
  std::string text() const;

 private:
  std::vector<std::string> words_;
};

/// Commands each of which reads what the one before writes: `Command("a") | Command("b")`.
class Pipeline {
 public:
  /// From the first to the last; at least two.
  const std::vector<Command>& commands() const noexcept { return commands_; }

  friend Pipeline operator|(Command first, Command second);
  friend Pipeline operator|(Pipeline pipeline, Command last);

 private:
  Pipeline() = default;

  std::vector<Command> commands_;
};

/// What the first writes is what the second reads.
Pipeline operator|(Command first, Command second);
/// And so on.
Pipeline operator|(Pipeline pipeline, Command last);

}  // namespace plait::subprocess
