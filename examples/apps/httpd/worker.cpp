// SPDX-License-Identifier: BSL-1.0
//
// Idea. A connection without a request waits in a scope of its own, which has the idle time as its deadline and is
// known here. A graceful stop cancels those scopes and no others: what is in flight goes on.
#include "worker.hpp"

namespace httpd {
namespace {

/// Keeps a scope in a set for a block.
class Known {
 public:
  Known(std::unordered_set<plait::CancelScope*>& set, plait::CancelScope& scope) : set_(set), scope_(scope) {
    set_.insert(&scope_);
  }
  Known(const Known&) = delete;
  Known& operator=(const Known&) = delete;
  ~Known() { set_.erase(&scope_); }

 private:
  std::unordered_set<plait::CancelScope*>& set_;
  plait::CancelScope& scope_;
};

}  // namespace

plait::Task<bool> Worker::wait_for_request(Input& input) {
  if (site.stop.is_set()) co_return false;
  plait::CancelScope scope({.deadline = plait::now() + site.settings.idle_timeout});
  const Known known(idle_, scope);
  const std::optional<bool> more = co_await scope.run([&] { return input.more(); });
  co_return more.value_or(false);
}

plait::Task<> Worker::end_idle_waits() {
  co_await site.stop.wait();
  for (plait::CancelScope* scope : idle_) scope->cancel("the server stops");
}

}  // namespace httpd
