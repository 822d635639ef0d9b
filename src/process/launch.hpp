// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plait/os/spawn.hpp"
#include "plait/process/child_state.hpp"
#include "plait/process/command.hpp"
#include "plait/process/conversation.hpp"
#include "plait/process/subprocess_options.hpp"

namespace plait::detail {

/// A Redirect that owns what it names.
struct Source {
  subprocess::Redirect::Kind kind = subprocess::Redirect::Kind::inherit;
  /// For `descriptor`.
  int number = -1;
  /// A Stream's, or made on the way.
  os::Fd fd;
  std::string path;
};

/// Programs to be started: one, or a pipeline. Made of the caller's Options when `run` or `spawn` is called, and
/// used once, when the result is awaited.
class Launch {
 public:
  /// Throws std::logic_error for options that contradict each other.
  Launch(std::vector<subprocess::Command> commands, const subprocess::Options& options, bool is_run);

  /// Starts all of them; if one can't be, the others are killed. Throws std::system_error.
  std::vector<std::shared_ptr<ChildState>> start(Conversation& talk);
  /// As one would type it.
  std::string text() const;
  /// The words of all of them, with "|" between.
  std::vector<std::string> words() const;

  const bool check;
  const Duration timeout;
  const Duration grace;

 private:
  std::shared_ptr<ChildState> start_one(const subprocess::Command& command);
  void give_terminal(Conversation& talk, std::string name);

  std::vector<subprocess::Command> commands_;
  std::optional<std::string> input_;
  std::array<Source, 3> sources_;
  os::SpawnPlan plan_;
  std::vector<std::string> extra_environment_;
  bool terminal_ = false;
  os::TerminalSize terminal_size_;
};

}  // namespace plait::detail
