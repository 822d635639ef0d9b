// SPDX-License-Identifier: BSL-1.0
//
// Idea. A run starts its programs, talks with them and waits; whatever ends that early stops them first, with their
// descendants, shielded, and reaps them. What the options refer to is copied before anything is awaited.
#include "plait/process/subprocess.hpp"

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "launch.hpp"
#include "plait/core/current_strand.hpp"
#include "plait/sched/finally.hpp"
#include "plait/sched/timeout.hpp"

namespace plait::subprocess {
namespace {

using plait::detail::Conversation;
using plait::detail::Launch;
using Children = std::vector<std::shared_ptr<plait::detail::ChildState>>;

Task<> checkpoint() {
  const plait::detail::Strand& self = co_await plait::detail::CurrentStrand{};
  if (self.cancelled()) throw Cancelled{};
}

/// Talks with them and waits for all.
Task<> to_the_end(Conversation& talk, const Children& children, Completed& completed, std::source_location at) {
  co_await talk.talk(at);
  for (const auto& child : children) {
    completed.returncodes.push_back(co_await plait::detail::wait_for_end(child, at));
  }
}

/// Leaves no program behind, whatever happens: they are killed with it, unless they have ended.
class Running {
 public:
  explicit Running(Children children) noexcept : children(std::move(children)) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    for (auto& child : children) plait::detail::abandon(std::move(child));
  }
  Children children;
};

Task<Completed> run_all(Launch launch, std::source_location at) {
  co_await checkpoint();
  Conversation talk;
  Running running(launch.start(talk));
  Completed completed;
  std::exception_ptr failed;
  bool in_time = true;
  try {
    if (launch.timeout == Duration::max()) {
      co_await to_the_end(talk, running.children, completed, at);
    } else {
      in_time = co_await move_on_after(launch.timeout, to_the_end(talk, running.children, completed, at));
    }
  } catch (...) {
    failed = std::current_exception();
  }
  if (failed || !in_time) {
    auto stop = [&]() -> Task<> { return plait::detail::stop_children(running.children, launch.grace); };
    const std::exception_ptr second =
        co_await plait::detail::clean_up(stop, plait::detail::to_duration(launch.grace) + kCleanUpGrace);
    if (failed) std::rethrow_exception(failed);
    if (second) std::rethrow_exception(second);
  }
  completed.out = talk.take_out();
  completed.err = talk.take_err();
  if (!in_time) {
    throw TimeoutExpired("command " + launch.text() + " was stopped because its time was over",
                         std::move(completed.out), std::move(completed.err));
  }
  completed.returncode = completed.returncodes.back();
  completed.args = launch.words();
  if (launch.check && plait::detail::failing_code(completed) != 0) throw CalledProcessError(std::move(completed));
  co_return completed;
}

Task<Child> start_one(Launch launch) {
  co_await checkpoint();
  auto talk = std::make_shared<Conversation>();
  Children children = launch.start(*talk);
  co_return Child(std::move(children.front()), std::move(talk), launch.grace);
}

}  // namespace

Task<Completed> run(Command command, Options options, std::source_location at) {
  std::vector<Command> alone;
  alone.push_back(std::move(command));
  return run_all(Launch(std::move(alone), options, true), at);
}

Task<Completed> run(const Pipeline& pipeline, Options options, std::source_location at) {
  return run_all(Launch(pipeline.commands(), options, true), at);
}

Task<Child> spawn(Command command, Options options) {
  std::vector<Command> alone;
  alone.push_back(std::move(command));
  return start_one(Launch(std::move(alone), options, false));
}

}  // namespace plait::subprocess
