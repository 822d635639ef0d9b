// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/thread_view.hpp"

#include "plait/base/contract.hpp"
#include "thread_registry.hpp"

namespace plait {

detail::ThreadState& ThreadView::state(const char* operation) const {
  if (detail::ThreadState* state = identity_->state()) return *state;
  detail::misuse("thread \"" + name() + "\": " + operation +
                 " of a thread that Plait did not start; only who started it can wait for its end.");
}

ThreadView current_thread() { return ThreadView(detail::this_thread_identity()); }

ThreadView main_thread() { return ThreadView(detail::ThreadRegistry::instance().main()); }

std::vector<ThreadView> enumerate() {
  const std::vector<detail::ThreadIdentity*> held = detail::ThreadRegistry::instance().hold_alive();
  std::vector<ThreadView> views;
  views.reserve(held.size());
  for (detail::ThreadIdentity* one : held) {
    views.emplace_back(*one);
    one->release();
  }
  return views;
}

std::size_t active_count() noexcept { return detail::ThreadRegistry::instance().count_alive(); }

}  // namespace plait
