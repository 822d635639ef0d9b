// SPDX-License-Identifier: BSL-1.0
#include "plait/process/child.hpp"

#include <csignal>

#include "plait/base/contract.hpp"

namespace plait::subprocess {

bool Child::terminate() const { return send_signal(SIGTERM); }
bool Child::kill() const { return send_signal(SIGKILL); }

Task<int> Child::stop(std::source_location at) {
  std::vector<std::shared_ptr<State>> alone(1, share());
  const std::shared_ptr<State> child = alone.front();
  co_await plait::detail::stop_children(std::move(alone), grace_);
  co_return co_await plait::detail::wait_for_end(child, at);
}

void Child::detach() {
  share();
  talk_.reset();
  if (!state_->poll()) plait::detail::leave_to_reaper(state_);
  state_.reset();
}

Task<Completed> Child::converse(std::shared_ptr<State> state, std::shared_ptr<plait::detail::Conversation> talk,
                                std::string input, std::source_location at) {
  if (talk->input.empty()) {
    talk->input = std::move(input);
  } else {
    talk->input += input;
  }
  co_await talk->talk(at);
  const int code = co_await plait::detail::wait_for_end(state, at);
  co_return Completed{code, talk->take_out(), talk->take_err(), state->args, std::vector<int>(1, code)};
}

void Child::refuse_moved_from() {
  plait::detail::misuse("subprocess::Child: it was moved from or detached, and holds no program.");
}

void Child::refuse_pipe(const char* name) const {
  const std::string program = share()->args.front();
  plait::detail::misuse("subprocess::Child of \"" + program + "\": " + name + "() is no pipe; start it with ." + name +
                        " = Pipe.");
}

}  // namespace plait::subprocess
