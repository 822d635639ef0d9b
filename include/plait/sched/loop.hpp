// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "plait/core/context.hpp"
#include "plait/core/current_strand.hpp"
#include "plait/core/frame_allocator.hpp"
#include "plait/core/promise.hpp"
#include "plait/core/work.hpp"
#include "plait/sched/event_loop.hpp"
#include "plait/sched/spawn.hpp"

namespace plait {
namespace detail {

/// A callback on its way to a loop; frees itself.
template <class F>
class Posted final : public Work, public FrameAllocated {
 public:
  Posted(F f, std::uint64_t to_run, const std::source_location& at) : f_(std::move(f)), to_run_(to_run), at_(at) {
    run = [](Work& work) {
      std::unique_ptr<Posted> self(&static_cast<Posted&>(work));
      // The run that it was for ended as it was posted, and the loop is in another one. At its end a run counts once.
      if (EventLoop::current()->run_number() - self->to_run_ > 1) return;
      try {
        self->f_();
      } catch (...) {
        report_unretrieved(std::current_exception(), "a posted callback", self->at_);
      }
    };
  }

 private:
  F f_;
  std::uint64_t to_run_;
  std::source_location at_;
};

}  // namespace detail

/// A handle to the event loop of a `run`, to reach it from other threads (asyncio's call_soon_threadsafe and
/// run_coroutine_threadsafe). Copyable; it may outlive the run. All members may be called from any thread.
class Loop {
 public:
  /// The loop that the caller runs on. Throws std::logic_error elsewhere.
  static Loop current();

  /// Runs `f()` on the loop's thread, soon, after what is ready there. Lock-free; a system call only if the loop
  /// sleeps. Callbacks of one poster run in order. False, and `f` is dropped, if the run has ended; what was posted
  /// before its end runs. An exception of `f` goes to the handler of `set_unretrieved_handler`.
  template <class F>
  bool post(F f, std::source_location at = std::source_location::current()) const {
    if (loop_->run_number() != run_) return false;
    auto posted = std::make_unique<detail::Posted<F>>(std::move(f), run_, at);
    if (!loop_->try_post(*posted)) return false;
    static_cast<void>(posted.release());
    return true;
  }

  /// Starts the coroutine `f()` on the loop and gives its Future, for a thread to wait for (`result()`) or cancel. It
  /// belongs to the run, which cancels and awaits it at its end. Throws std::logic_error if the run has ended.
  template <class F>
    requires detail::MakesTask<F>
  auto spawn(F f, std::source_location at = std::source_location::current()) const {
    using T = typename std::invoke_result_t<F&>::value_type;
    Promise<T> promise({}, at);
    Future<T> future = promise.future();
    auto started = std::make_shared<Future<void>>();
    promise.on_cancel([loop = *this, started] {
      loop.post([started] {
        if (started->valid()) started->cancel();
      });
    });
    const bool taken = post([f = std::move(f), promise = std::move(promise), started,
                             context = detail::Scheduler::current_strand().context]() mutable {
      *started = plait::spawn(fulfil<T, F>, std::move(f), std::move(promise), std::move(context));
    });
    if (!taken) detail::misuse("Loop::spawn(): the run of this loop has ended.");
    return future;
  }

 private:
  Loop(detail::EventLoop& loop, std::uint64_t run) noexcept : loop_(&loop), run_(run) {}

  template <class T, class F>
  static Task<> fulfil(F& f, Promise<T>& promise, detail::Context& context) {
    detail::Strand& self = co_await detail::CurrentStrand{};
    self.context = std::move(context);
    // The error is published when this thread's handler has let go of it: the thread that gets it frees it.
    std::exception_ptr error;
    try {
      if constexpr (std::is_void_v<T>) {
        co_await f();
        promise.set_value();
      } else {
        promise.set_value(co_await f());
      }
    } catch (...) {
      error = std::current_exception();
    }
    if (error) promise.set_error(std::move(error));
  }

  detail::EventLoop* loop_;
  std::uint64_t run_;
};

}  // namespace plait
