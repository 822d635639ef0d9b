// SPDX-License-Identifier: BSL-1.0
//
// Idea. A process can leave its parents (they end), its process group and its session (setsid), but it keeps the
// environment that its program began with, which /proc shows; and a subreaper, which would keep the parents together,
// would change what the whole program's orphans see. So each program gets a token in its environment, and whoever
// carries that is a descendant, as is whoever has a descendant for a parent.
//
// A number in /proc may be another process's a moment later. So whoever is found is taken by a pidfd, and must still be
// the one that was born at that time before the signal is sent.
#include "plait/process/descendants.hpp"

#include <csignal>
#include <system_error>
#include <unordered_set>

#include "plait/base/atomic.hpp"
#include "plait/os/pidfd.hpp"
#include "plait/os/shared_memory.hpp"

namespace plait::detail {
namespace {

void send_to(const os::ProcessEntry& process, int signal) {
  try {
    const os::Fd pidfd = os::open_pidfd(process.pid);
    const auto now = os::look_at_process(process.pid);
    if (!now || now->start != process.start) return;
    os::send_signal(pidfd.get(), signal);
    if (signal == SIGTERM) os::send_signal(pidfd.get(), SIGCONT);
  } catch (const std::system_error&) {  // it is gone
  }
}

}  // namespace

Descendants::Descendants() : born_after_(os::process_clock()) {
  static const std::string mine = os::random_token();
  static constinit Atomic<unsigned> last{0};
  token_ = mine + '.' + std::to_string(last.fetch_add(1, std::memory_order_relaxed) + 1) + ';';
}

std::string Descendants::variable(std::string_view inherited) const {
  return std::string(kAncestorsVariable).append("=").append(inherited).append(token_);
}

Descendants::Members Descendants::find(int root) {
  Members all = os::list_processes();
  const int self = os::process_id();
  std::unordered_set<int> tree;
  Members found;
  const auto add = [&](const os::ProcessEntry& each) {
    if (each.pid == self || each.pid == root || !tree.insert(each.pid).second) return;
    known_.emplace(each.pid, each.start);
    if (!each.zombie) found.push_back(each);
  };
  if (root > 0) tree.insert(root);
  std::erase_if(all, [this](const os::ProcessEntry& each) { return each.start < born_after_; });
  for (const os::ProcessEntry& each : all) {
    if (known_.contains({each.pid, each.start}) || (!each.zombie && os::environment_contains(each.pid, token_)))
      add(each);
  }
  for (std::size_t before = 0; before != tree.size();) {
    before = tree.size();
    for (const os::ProcessEntry& each : all) {
      if (tree.contains(each.parent)) add(each);
    }
  }
  return found;
}

/// Whether it was sent to anybody; SIGKILL goes to each once.
bool Descendants::send_to_all(const Members& members, int signal) {
  bool any = false;
  for (const os::ProcessEntry& each : members) {
    if (signal == kKill && !killed_.emplace(each.pid, each.start).second) continue;
    send_to(each, signal);
    any = true;
  }
  return any;
}

}  // namespace plait::detail
