// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plait/base/time.hpp"
#include "plait/core/task.hpp"
#include "plait/os/fd.hpp"
#include "plait/process/encoder.hpp"

namespace plait {

/// How a process comes about.
enum class Start : std::uint8_t {
  server,  ///< forked by a small server of this program, which is started with the first of them (forkserver)
  spawn,   ///< this program, started anew (spawn)
  fork,    ///< a copy of this process, which must have one thread only; it keeps all descriptors (fork)
};

/// How long a process that is to end has for it before it is killed.
inline constexpr Duration kProcessGrace = std::chrono::seconds(5);

/// How a Process is made. Trivially destructible, as options must be (docs/design/compilers.md).
struct ProcessOptions {
  /// Empty: "Process-1" and so on. Copied.
  std::string_view name = {};
  /// The end of the program terminates it instead of waiting for it.
  bool daemon = false;
  /// How it comes about.
  Start start = Start::server;
  /// Between SIGTERM and SIGKILL, where Plait ends it: at a cancel, and a daemon at the program's end.
  Duration grace = kProcessGrace;
};

namespace detail {

struct Message;
struct Order;

/// What a process's handle and those who wait for it share. Any thread.
class ProcessState : public std::enable_shared_from_this<ProcessState> {
 public:
  ProcessState(const ProcessOptions& options, Encoder call);
  ProcessState(const ProcessState&) = delete;
  ProcessState& operator=(const ProcessState&) = delete;

  const std::string& name() const noexcept { return name_; }
  bool daemon() const noexcept { return daemon_; }
  Duration grace() const noexcept { return grace_; }

  /// With the call that it was made with. Throws std::logic_error the second time, std::system_error.
  void start();
  /// With another one.
  void start(Encoder call);
  /// It is this process, which can't be started.
  void become_body() noexcept;
  bool started() const;
  /// Its id; 0 before the start.
  int id() const;
  /// Takes what has come from it. Whether it has ended.
  bool look();
  /// Once it has ended: its exit code, or minus a signal.
  std::optional<int> exit_code();
  /// 0, or minus an errno. An ended process is no error.
  int send_signal(int signal);
  /// Readable when `look` has something to see.
  int waitable() const;
  /// Its pidfd.
  int native_handle() const;
  /// What a worker of a pool and the program tell each other besides calls: descriptors that go with the message in a
  /// slot. `asked` is called, on any thread, when the worker has asked for some.
  struct Letter {
    std::uint32_t slot;
    std::vector<os::Fd> descriptors;
  };
  void listen(std::function<void()> asked);
  /// The slot whose descriptors it has asked for and not got.
  std::optional<std::uint32_t> asked_for();
  void answer(std::span<const os::Fd> descriptors);
  /// What came with the result in that slot.
  std::vector<os::Fd> take_letter(std::uint32_t slot);
  /// Gives back its descriptors. Throws std::logic_error while it runs.
  void close();
  /// What its call gave, once it has ended; nothing if it ended by itself before.
  std::optional<Decoder> result();

 private:
  enum class Phase : std::uint8_t { made, running, ended, closed, body };

  void fork_here(Order order);
  bool take_message();
  void take(Message message);
  void take_end_of_channel();
  void take_end_of_copy();

  const std::string name_;
  const bool daemon_;
  const plait::Start method_;
  const Duration grace_;

  mutable std::mutex lock_;
  Phase phase_ = Phase::made;
  Encoder call_;
  int id_ = 0;
  os::Fd channel_;
  os::Fd pidfd_;
  int code_ = 0;
  std::vector<std::byte> result_;
  std::vector<os::Fd> result_descriptors_;
  bool has_result_ = false;
  std::function<void()> when_asked_;
  std::optional<std::uint32_t> asked_;
  std::vector<Letter> letters_;
};

/// Waits for the end. A cancel ends the waiting only.
Task<> wait_for_end(std::shared_ptr<ProcessState> process);
/// The same, and gives its exit code, or throws what its body ended with.
Task<int> wait_for_code(std::shared_ptr<ProcessState> process);
/// Starts it and waits for its end, to which a cancel brings it.
Task<> run_process(std::shared_ptr<ProcessState> process);
/// Makes it end: SIGTERM, SIGKILL after its grace. Not to be cancelled.
Task<> end_process(std::shared_ptr<ProcessState> process);

}  // namespace detail
}  // namespace plait
