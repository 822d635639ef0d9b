// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plait/core/task.hpp"
#include "plait/io/stream.hpp"
#include "plait/os/terminal.hpp"
#include "plait/process/child_state.hpp"
#include "plait/process/command.hpp"
#include "plait/process/completed.hpp"
#include "plait/process/conversation.hpp"

namespace plait::subprocess {

/// A program that `spawn` started (Popen). Move-only. `wait`, `poll` and the signals are for any thread; the rest for
/// one strand at a time.
///
/// Destroying it while the program runs kills the program with all its descendants, at once; nothing of it is left, and
/// nobody waits. `wait` for it, `stop` it or `detach` it before.
class Child {
 public:
  int pid() const { return state().pid; }
  const std::vector<std::string>& args() const { return state().args; }

  /// The program's standard input, for writing, if it was asked for by `.in = Pipe`; std::logic_error otherwise. The
  /// program sees its end when this is closed.
  Stream& in() { return pipe_of(talk_->in, "in"); }
  /// Its output, for reading, if that is a `Pipe`.
  Stream& out() { return pipe_of(talk_->out, "out"); }
  /// Its errors, for reading, if they are a `Pipe`.
  Stream& err() { return pipe_of(talk_->err, "err"); }

  /// The screen and keyboard of its terminal, if it was started with `.terminal`: what it writes there is read, with
  /// "\r\n" for its newlines, and what is written it reads as typed, a line at a time unless it asks for more; "\x03"
  /// is Ctrl-C and "\x04" the end of its input. The end comes when all programs at the terminal have let go of it. It
  /// has one end only: `shutdown_write` is refused.
  Stream& terminal() { return pipe_of(talk_->terminal, "terminal"); }
  /// The terminal has another size now; programs are told by SIGWINCH. Throws std::system_error. Never waits.
  void resize_terminal(os::TerminalSize size) { os::resize_terminal(terminal().native_handle(), size); }

  /// Waits for its end: the exit code, or minus the signal that ended it (see kUnknownCode for neither). Any number of
  /// tasks and threads may wait, and all get the same. Does not read what the program writes: a full pipe lets it wait
  /// for ever; see `communicate`. On cancel: the waiting ends, the program goes on.
  [[nodiscard]] Task<int> wait(std::source_location at = std::source_location::current()) const {
    return plait::detail::wait_for_end(share(), at);
  }
  /// The same if it has ended, else nothing. Never waits.
  std::optional<int> poll() const { return state().poll(); }
  /// What the last `wait` or `poll` of anybody saw. Never looks.
  std::optional<int> returncode() const { return state().seen(); }

  /// Writes `input`, closes the pipe, reads output and errors to their ends, all at once, and waits for the program. A
  /// program that does not read its input is no error. On cancel: what was read, and what was not yet written, is kept,
  /// and the next `communicate` goes on with it.
  [[nodiscard]] Task<Completed> communicate(std::string input = {},
                                            std::source_location at = std::source_location::current()) {
    return converse(share(), talk_, std::move(input), at);
  }

  /// Sends a signal; false if the program has ended, and then nobody else gets it. Throws std::system_error.
  bool send_signal(int signal) const { return state().send_signal(signal); }
  /// SIGTERM.
  bool terminate() const;
  /// SIGKILL, to the program alone; see `stop`.
  bool kill() const;

  /// Ends the program with all its descendants, those that have left its session and process group included: SIGTERM,
  /// after the grace of its options SIGKILL; then it is reaped. The returncode. On cancel: the program goes on to end
  /// by SIGTERM, or does not; the handle is as before.
  [[nodiscard]] Task<int> stop(std::source_location at = std::source_location::current());
  /// Lets the program go on without this handle, and has it reaped at its end. Its pipes are closed.
  void detach();

  Child(Child&&) noexcept = default;
  /// Destroys what it held.
  Child& operator=(Child&& other) noexcept {
    Child(std::move(other)).swap(*this);
    return *this;
  }
  ~Child() {
    if (state_) plait::detail::abandon(std::move(state_));
  }
  void swap(Child& other) noexcept {
    state_.swap(other.state_);
    talk_.swap(other.talk_);
    std::swap(grace_, other.grace_);
  }

  /// For the library.
  Child(std::shared_ptr<plait::detail::ChildState> state, std::shared_ptr<plait::detail::Conversation> talk,
        Duration grace) noexcept
      : state_(std::move(state)), talk_(std::move(talk)), grace_(grace) {}

 private:
  using State = plait::detail::ChildState;

  State& state() const { return *share(); }
  const std::shared_ptr<State>& share() const {
    if (!state_) [[unlikely]]
      refuse_moved_from();
    return state_;
  }
  Stream& pipe_of(std::optional<Stream>& stream, const char* name) const {
    if (!state_ || !stream) [[unlikely]]
      refuse_pipe(name);
    return *stream;
  }
  [[noreturn]] static void refuse_moved_from();
  [[noreturn]] void refuse_pipe(const char* name) const;
  static Task<Completed> converse(std::shared_ptr<State> state, std::shared_ptr<plait::detail::Conversation> talk,
                                  std::string input, std::source_location at);

  std::shared_ptr<State> state_;
  /// The pipes, and what went through them. Not null unless moved from.
  std::shared_ptr<plait::detail::Conversation> talk_;
  Duration grace_{};
};

}  // namespace plait::subprocess
