// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <source_location>
#include <string>

#include "plait/core/task.hpp"
#include "plait/io/stream.hpp"

namespace plait::detail {

/// The pipes to a program (or a pipeline), and what is to go and went through them. For one strand at a time.
class Conversation {
 public:
  std::optional<Stream> in;
  std::optional<Stream> out;
  std::optional<Stream> err;
  /// Not a part of `talk`.
  std::optional<Stream> terminal;

  /// What is to be written. Not while `talk` runs.
  std::string input;

  /// Writes the input and reads both outputs to their ends, all at the same time, and closes the pipes. On cancel:
  /// nothing is lost, and it can be called again.
  Task<> talk(std::source_location at);
  /// What was read, also by a `talk` that was cancelled.
  std::string take_out() { return take(out_text_, out); }
  std::string take_err() { return take(err_text_, err); }

 private:
  Task<> feed(std::source_location at);
  static Task<> collect(std::optional<Stream>& stream, std::optional<std::string>& text, std::source_location at);
  static std::string take(std::optional<std::string>& text, std::optional<Stream>& stream);

  std::size_t sent_ = 0;
  std::optional<std::string> out_text_;
  std::optional<std::string> err_text_;
};

}  // namespace plait::detail
