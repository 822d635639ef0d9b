// SPDX-License-Identifier: BSL-1.0
#include "server_link.hpp"

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/os/message_socket.hpp"
#include "plait/os/pidfd.hpp"
#include "plait/os/shared_memory.hpp"
#include "role.hpp"

namespace plait::detail {
namespace {

/// How long a server that lives may take for its answer; it is stopped, or the machine is on its knees.
constexpr auto kPatience = std::chrono::seconds(30);

/// What the server says of a start. False if it is gone, or was when the order came.
bool take_answer(const os::Fd& channel, ServerLink::Child& child) {
  const TimePoint deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    if (!os::wait_readable(channel.get(), deadline)) {
      throw std::system_error(ETIMEDOUT, std::generic_category(), "start a process: the process server is silent");
    }
    Message answer;
    int rc = 0;
    try {
      rc = receive(channel, answer, os::Patience::wait);
    } catch (const DecodeError&) {  // the child's call wrote to a descriptor that is not its own, and very soon
      continue;
    }
    if (rc == 0) return false;
    if (rc < 0) throw std::system_error(-rc, std::generic_category(), "start a process: receive its descriptor");
    if (answer.what != Say::started && answer.what != Say::refused) {
      child.early.push_back(std::move(answer));
      continue;
    }
    child.id = Decoder(answer.bytes).raw<int>();
    if (answer.what == Say::refused) throw std::system_error(-child.id, std::generic_category(), "start a process");
    child.pidfd = std::move(answer.descriptors.at(0));
    return true;
  }
}

}  // namespace

ServerLink& ServerLink::instance() {
  static auto* link = new ServerLink;  // processes may be started until the very end
  return *link;
}

ServerLink::Child ServerLink::start(Order& order) {
  if (!this_role().ready) {
    misuse(
        "A process can't be started: this program was linked without Plait's build target or .pc file, so its main() "
        "has to begin with plait::init(argc, argv).");
  }
  Child child;
  for (int tries = 0; tries < 3; ++tries) {
    auto [here, there] = os::message_pair();
    order.channel = std::move(there);
    int error = 0;
    {
      std::scoped_lock guard(lock_);
      if (!is_there()) connect();
      error = send(control_, order);
      if (error == -EPIPE || error == -ECONNRESET) control_.reset();
    }
    order.channel.reset();  // or its end would never be seen here
    if (error != 0 && error != -EPIPE && error != -ECONNRESET) {
      throw std::system_error(-error, std::generic_category(), "start a process: send it to the process server");
    }
    if (error == 0 && take_answer(here, child)) {
      child.channel = std::move(here);
      return child;
    }
  }
  throw std::system_error(ECHILD, std::generic_category(), "start a process: the process server ends again and again");
}

bool ServerLink::is_there() noexcept {
  if (owner_ != os::process_id()) return false;
  return control_.valid() && !os::reap(server_.pidfd.get()).ended();
}

void ServerLink::connect() {
  owner_ = os::process_id();
  auto [here, there] = os::message_pair();
  os::SpawnPlan plan;
  // Not argv[0]: the file may have been replaced since.
  plan.program = "/proc/self/exe";
  plan.arguments = {this_role().program, std::string(kRoleOption) + "server:3:" + std::to_string(owner_)};
  plan.descriptors = {{3, there.get()}};
  server_ = os::spawn(plan);
  control_ = std::move(here);
}

}  // namespace plait::detail
