// SPDX-License-Identifier: BSL-1.0
//
// Idea. One loop over the control socket, the program's pidfd, and a pidfd for each child. Nothing in it waits but the
// loop: channels are written without waiting for their readers (a packet each, and they are few).
//
// Invariants. 1. This process has one thread as long as it forks; else each child is an exec [R1]. 2. A child that was
// forked is in `children_` until EXITED has been sent on its channel [R2]. 3. What this process has for children and
// does not know were orphans [R3]: they live until a child is killed, which may have been their ancestor, or until the
// end.
#include "server.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plait/os/epoll.hpp"
#include "plait/os/pidfd.hpp"
#include "plait/os/process.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/os/signal.hpp"
#include "plait/os/spawn.hpp"
#include "plait/os/thread.hpp"
#include "process_body.hpp"
#include "protocol.hpp"
#include "role.hpp"

namespace plait::detail {
namespace {

/// The sanitizer's look at the object needs a descriptor, and there may be none.
__attribute__((no_sanitize("vptr"))) int errno_of(const std::system_error& error) noexcept {
  return error.code().value();
}

class Server {
 public:
  Server(os::Fd control, int program)
      : control_(std::move(control)),
        program_(program),
        self_(os::process_id()),
        program_end_(os::open_pidfd(program)) {
    watch(control_, kControl);
    watch(program_end_, kProgramEnd);
  }

  void run() {
    std::array<os::EpollEvent, 64> events;
    while (os::parent_process_id() == program_) {
      const std::size_t count = epoll_.wait(events, TimePoint::max());
      for (std::size_t i = 0; i < count; ++i) {
        if (events[i].data == kProgramEnd) return;
        if (events[i].data == kControl && !take_request()) return;
      }
      reap();
    }
  }

  /// Nobody is left behind.
  void end() {
    for (const auto& [id, child] : children_) os::send_signal_to(id, os::kSigKill);
    while (reap() || kill_orphans()) os::wait_for_child();
  }

 private:
  static constexpr std::uint64_t kControl = 0, kProgramEnd = 1, kChild = 2;

  struct Child {
    os::Fd channel;
    os::Fd pidfd;
  };

  void watch(const os::Fd& fd, std::uint64_t what) {
    if (const int error = epoll_.add(fd.get(), os::kEpollIn, what)) os::throw_error(error, "epoll_ctl");
  }

  /// False at the end of the program's side.
  bool take_request() {
    Message message;
    try {
      const int rc = receive(control_, message, os::Patience::none);
      if (rc == 0) return false;
      // Without room for its descriptors it is lost, and the program sees the end of its channel.
      if (rc > 0) begin(read_order(std::move(message)));
    } catch (const DecodeError&) {  // something in the program wrote to a descriptor that is not its own
    }
    return true;
  }

  /// Nobody may be there to hear it.
  static void say(const os::Fd& channel, Say what, int number, int descriptor = -1) {
    Encoder message;
    message.raw(number);
    send(channel, what, message.bytes(), std::span(&descriptor, descriptor < 0 ? 0 : 1));
  }

  void begin(Order order) {
    os::Fd channel(std::move(order.channel));
    int id = -1;
    try {
      os::Fd room = os::open_pidfd(self_);  // there is place for the child's
      id = order.fresh || os::thread_count() != 1 ? exec_child(order, channel) : fork_child(order, channel);
      room.reset();
      if (id < 0) return say(channel, Say::refused, id);
      os::Fd pidfd = os::open_pidfd(id);  // it is nobody else's number as long as it is not reaped
      watch(pidfd, kChild);
      Child& child = children_.emplace(id, Child{std::move(channel), std::move(pidfd)}).first->second;
      say(child.channel, Say::started, id, child.pidfd.get());
    } catch (const std::system_error& error) {
      // One start that fails is no reason for the others to end.
      if (id > 0) os::send_signal_to(id, os::kSigKill);
      say(channel, Say::refused, -errno_of(error));
    }
  }

  int fork_child(Order& order, const os::Fd& channel) {
    const int id = os::fork_process();
    if (id != 0) return id;
    order.channel = os::Fd(channel.get());
    be_child(std::move(order), self_);
  }

  /// The child gets its Order by a socket of its own, in which it lies before the child is there.
  int exec_child(Order& order, const os::Fd& channel) {
    try {
      auto [here, there] = os::message_pair();
      order.channel = os::duplicate(channel.get());
      if (const int error = send(here, order)) return error;
      os::SpawnPlan plan;
      plan.program = "/proc/self/exe";
      plan.arguments = {this_role().program, std::string(kRoleOption) + "child:3:" + std::to_string(self_)};
      plan.descriptors = {{3, there.get()}};
      return os::spawn(plan).pid;
    } catch (const std::system_error& error) {
      return -error.code().value();
    }
  }

  /// Tells of those that have ended. Whether there are others.
  bool reap() {
    bool killed = false;
    while (const std::optional<os::ProcessEnd> end = os::reap_any()) {
      const auto at = children_.find(end->process);
      if (at == children_.end()) continue;
      killed |= end->code < 0;
      say(at->second.channel, Say::exited, end->code);
      children_.erase(at);
    }
    if (killed) kill_orphans();
    return !children_.empty();
  }

  /// Whether there were any.
  bool kill_orphans() {
    bool any = false;
    for (const int id : os::child_processes()) {
      if (!children_.contains(id)) any |= os::send_signal_to(id, os::kSigKill) == 0;
    }
    return any;
  }

  os::Epoll epoll_;
  const os::Fd control_;
  const int program_;
  const int self_;
  const os::Fd program_end_;
  std::map<int, Child> children_;
};

}  // namespace

void serve(os::Fd control, int parent) {
  os::name_this_thread("plait-server");
  os::leave_process_group();
  os::adopt_orphans();
  os::read_nothing();
  try {
    Server server(std::move(control), parent);
    server.run();
    server.end();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plait: the process server ends: %s\n", error.what());
  }
  os::exit_at_once(0);
}

}  // namespace plait::detail
