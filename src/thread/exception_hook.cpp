// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/exception_hook.hpp"

#include "plait/base/atomic.hpp"
#include "plait/core/future.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait {
namespace {

constinit Atomic<ThreadExceptionHook> installed{nullptr};

}  // namespace

ThreadExceptionHook set_thread_exception_hook(ThreadExceptionHook hook) noexcept {
  return installed.exchange(hook, std::memory_order_acq_rel);
}

void default_thread_exception_hook(const ThreadException& exception) noexcept {
  detail::report_unretrieved(exception.error, exception.thread.name(), exception.started_at);
}

void detail::report_thread_exception(const std::exception_ptr& error, ThreadState& state) noexcept {
  if (is_cancelled(error)) return;
  ThreadException exception{error, ThreadView(state), {}};
  if (const void* at = this_thread_strand().record->spawned_at.load(std::memory_order_relaxed)) {
    exception.started_at = __builtin_bit_cast(std::source_location, at);
  }
  std::exception_ptr failure;
  if (const ThreadExceptionHook hook = installed.load(std::memory_order_acquire)) {
    try {
      return hook(exception);
    } catch (...) {
      failure = std::current_exception();
    }
    report_unretrieved(failure, "the thread exception hook", {});
  }
  default_thread_exception_hook(exception);
}

}  // namespace plait
