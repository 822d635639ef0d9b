// SPDX-License-Identifier: BSL-1.0
//
// Idea. Nobody in the program listens for processes. Whoever wants to know about one takes what has come on its
// channel, and who waits for it waits for the channel. The messages are its result, if it came to one, and its end; the
// end of the channel without these is the server's death, which killed it.
#include "plait/process/process_state.hpp"

#include <algorithm>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/io/readiness.hpp"
#include "plait/os/message_socket.hpp"
#include "plait/os/pidfd.hpp"
#include "plait/os/process.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/os/signal.hpp"
#include "plait/process/family.hpp"
#include "plait/process/process.hpp"
#include "plait/sched/shield.hpp"
#include "plait/sched/timeout.hpp"
#include "process_body.hpp"
#include "process_registry.hpp"
#include "server_link.hpp"

namespace plait::detail {

ProcessState::ProcessState(const ProcessOptions& options, Encoder call)
    : name_(options.name.empty() ? "Process-" + std::to_string(ProcessRegistry::instance().next_number())
                                 : std::string(options.name)),
      daemon_(options.daemon),
      method_(options.start),
      grace_(options.grace),
      call_(std::move(call)) {}

void ProcessState::become_body() noexcept {
  std::scoped_lock guard(lock_);
  phase_ = Phase::body;
  id_ = os::process_id();
}

void ProcessState::start(Encoder call) {
  {
    std::scoped_lock guard(lock_);
    if (phase_ == Phase::made) call_ = std::move(call);
  }
  start();
}

void ProcessState::start() {
  std::scoped_lock guard(lock_);
  if (phase_ == Phase::body) misuse("Process::start(): \"" + name_ + "\" is this process; make another Process.");
  if (phase_ != Phase::made) misuse("Process::start(): \"" + name_ + "\" was started before; make another Process.");
  if (call_.bytes().empty()) {
    misuse("Process::start(): \"" + name_ +
           "\" has nothing to call; it was moved out of an object of a ProcessClass, "
           "which alone can start it.");
  }
  ProcessRegistry::instance().add(shared_from_this());
  try {
    Order order;
    order.fresh = method_ == plait::Start::spawn;
    order.name = name_;
    order.parent = os::process_id();
    order.parent_name = current_process().name;
    order.environment = os::environment();
    order.call.assign(call_.bytes().begin(), call_.bytes().end());
    order.directory = os::working_directory();
    order.family = Family::instance().descriptor();
    order.output = os::standard_stream(1);
    order.errors = os::standard_stream(2);
    order.descriptors = std::exchange(call_.descriptors(), {});
    if (method_ == plait::Start::fork) {
      fork_here(std::move(order));
    } else {
      ServerLink::Child child = ServerLink::instance().start(order);
      id_ = child.id;
      pidfd_ = std::move(child.pidfd);
      channel_ = std::move(child.channel);
      for (Message& message : child.early) take(std::move(message));
    }
  } catch (...) {
    ProcessRegistry::instance().remove(*this);
    throw;
  }
  call_ = {};
  phase_ = Phase::running;
}

void ProcessState::fork_here(Order order) {
  if (os::thread_count() != 1) {
    misuse("Process::start(): \"" + name_ + "\" can't be forked from a process with threads, whose locks would stay " +
           "taken in it; use Start::server or Start::spawn.");
  }
  auto [here, there] = os::message_pair();
  order.channel = std::move(there);
  const int self = os::process_id();
  const int id = os::fork_process();
  if (id < 0) os::throw_error(-id, "fork");
  if (id == 0) {
    here.reset();
    be_copy(std::move(order), self);
  }
  id_ = id;
  pidfd_ = os::open_pidfd(id);
  channel_ = std::move(here);
}

bool ProcessState::started() const {
  std::scoped_lock guard(lock_);
  return phase_ != Phase::made && phase_ != Phase::body;
}

int ProcessState::id() const {
  std::scoped_lock guard(lock_);
  return id_;
}

bool ProcessState::look() {
  bool ended = false;
  bool asked = false;
  {
    std::scoped_lock guard(lock_);
    const bool before = asked_.has_value();
    if (phase_ == Phase::running && method_ == plait::Start::fork) take_end_of_copy();
    while (phase_ == Phase::running && take_message()) {
    }
    asked = asked_ && !before;
    ended = phase_ == Phase::ended || phase_ == Phase::closed;
  }
  if (asked && when_asked_) when_asked_();
  if (ended) ProcessRegistry::instance().remove(*this);
  return ended;
}

/// False if there is none.
bool ProcessState::take_message() {
  Message message;
  try {
    const int rc = receive(channel_, message, os::Patience::none);
    if (rc == 0) take_end_of_channel();
    if (rc <= 0) return false;
    take(std::move(message));
  } catch (const DecodeError&) {  // its call wrote to a descriptor that is not its own
  }
  return true;
}

void ProcessState::take(Message message) {
  switch (message.what) {
    case Say::result:
      result_ = std::move(message.bytes);
      result_descriptors_ = std::move(message.descriptors);
      has_result_ = true;
      break;
    case Say::ask:
      asked_ = Decoder(message.bytes).raw<std::uint32_t>();
      break;
    case Say::letter:
      letters_.push_back({Decoder(message.bytes).raw<std::uint32_t>(), std::move(message.descriptors)});
      break;
    case Say::exited:
      code_ = Decoder(message.bytes).raw<int>();
      phase_ = Phase::ended;
      break;
    default:
      break;
  }
}

/// It was the server's, which is gone. A copy of this process may close its channel, or leave it to others.
void ProcessState::take_end_of_channel() {
  if (method_ == plait::Start::fork) return;
  code_ = -os::kSigKill;
  phase_ = Phase::ended;
}

/// A copy of this process is its own child. What it said, it has said before its end.
void ProcessState::take_end_of_copy() {
  const os::ProcessStatus status = os::reap(pidfd_.get());
  if (!status.ended()) return;
  while (take_message()) {
  }
  code_ = status.kind == os::ProcessStatus::Kind::unknown ? 0 : status.returncode();
  phase_ = Phase::ended;
}

std::optional<int> ProcessState::exit_code() {
  if (!look()) return std::nullopt;
  std::scoped_lock guard(lock_);
  return code_;
}

int ProcessState::send_signal(int signal) {
  if (look()) return 0;
  std::scoped_lock guard(lock_);
  if (phase_ == Phase::made) misuse("Process: \"" + name_ + "\" has not been started, so it can't be sent a signal.");
  const int error = pidfd_.valid() ? os::send_signal(pidfd_.get(), signal) : 0;
  return error == -ESRCH ? 0 : error;
}

int ProcessState::waitable() const {
  std::scoped_lock guard(lock_);
  return method_ == plait::Start::fork ? pidfd_.get() : channel_.get();
}

int ProcessState::native_handle() const {
  std::scoped_lock guard(lock_);
  return pidfd_.get();
}

void ProcessState::listen(std::function<void()> asked) { when_asked_ = std::move(asked); }

std::optional<std::uint32_t> ProcessState::asked_for() {
  std::scoped_lock guard(lock_);
  return std::exchange(asked_, std::nullopt);
}

void ProcessState::answer(std::span<const os::Fd> descriptors) {
  std::scoped_lock guard(lock_);
  if (phase_ == Phase::running) send(channel_, Say::letter, {}, numbers_of(descriptors));
}

std::vector<os::Fd> ProcessState::take_letter(std::uint32_t slot) {
  look();
  std::scoped_lock guard(lock_);
  const auto at = std::ranges::find(letters_, slot, &Letter::slot);
  if (at == letters_.end()) return {};
  std::vector<os::Fd> descriptors = std::move(at->descriptors);
  letters_.erase(at);
  return descriptors;
}

void ProcessState::close() {
  if (started() && !look()) {
    misuse("Process::close(): \"" + name_ + "\" still runs; join it first, or terminate it.");
  }
  std::scoped_lock guard(lock_);
  phase_ = Phase::closed;
  channel_.reset();
  pidfd_.reset();
}

std::optional<Decoder> ProcessState::result() {
  std::scoped_lock guard(lock_);
  if (!has_result_) return std::nullopt;
  return Decoder(result_, result_descriptors_);
}

Task<> wait_for_end(std::shared_ptr<ProcessState> process) {
  while (!process->look()) co_await readable(process->waitable());
}

Task<> run_process(std::shared_ptr<ProcessState> process) {
  process->start();
  bool cancelled = false;
  try {
    co_await wait_for_end(process);
  } catch (const Cancelled&) {
    cancelled = true;
  }
  if (!cancelled) co_return;
  co_await shield(end_process(std::move(process)));
  throw Cancelled{};
}

Task<> end_process(std::shared_ptr<ProcessState> process) {
  process->send_signal(os::kSigTerm);
  const bool ended = co_await move_on_after(process->grace(), wait_for_end(process));
  if (ended) co_return;
  process->send_signal(os::kSigKill);
  co_await wait_for_end(process);
}

}  // namespace plait::detail
