// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/core/future.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/task.hpp"
#include "plait/sched/spawn.hpp"
#include "plait/testing/virtual_time.hpp"

namespace plait::testing {

/// Where one run of `cancel_everywhere` was cancelled.
struct CancelPoint {
  /// The checkpoint, counted from 1 over all tasks of the body on its loop.
  int checkpoint = 0;
  /// Before the operation began; else after it, once the strand waits or ended its turn.
  bool before = true;
  /// The body ended by Cancelled. False if it swallowed that, had its value already, or came to its end before.
  bool cancelled = false;

  /// "checkpoint 3, before the operation"
  std::string text() const;
};

namespace detail {

/// Counts the checkpoints of a body and cancels it at a chosen one.
class CancelAt {
 public:
  CancelAt(int checkpoint, bool before);
  CancelAt(const CancelAt&) = delete;
  CancelAt& operator=(const CancelAt&) = delete;
  ~CancelAt();

  /// Counts from here on, except on the strand of the caller; `cancel` cancels the body.
  void begin(std::function<void()> cancel);
  void end() noexcept { counting_ = false; }
  bool reached() const noexcept { return reached_ >= checkpoint_; }

  /// On the driven loop's thread: a point was passed.
  void reach(plait::detail::Point point);

 private:
  struct Late : plait::detail::Work {
    CancelAt* owner = nullptr;
  };
  const int checkpoint_;
  const bool before_;
  bool counting_ = false;
  int reached_ = 0;
  const plait::detail::Strand* driver_ = nullptr;
  plait::detail::Scheduler* home_ = nullptr;
  std::function<void()> cancel_;
  Late late_;
};

/// Rethrows the current exception nested in one that says where the run was cancelled.
[[noreturn]] void rethrow_with(const CancelPoint& point);

template <class T>
Task<> run_and_cancel(std::function<Task<T>()> body, CancelAt& hook, CancelPoint& point) {
  Future<T> future = spawn(body(), {.name = "cancel_everywhere"});
  hook.begin([&future] { future.cancel(); });
  try {
    co_await future;
  } catch (const Cancelled&) {
    point.cancelled = true;
  }
  hook.end();
  co_await yield_now();  // a cancel that is still on its way arrives while the future lives
}

}  // namespace detail

/// Finds what breaks when a task is cancelled. Runs `body()`, a Task, in virtual time again and again: cancelled at its
/// first checkpoint, at its second, and so on, each time once before the operation and once while it waits, until a run
/// ends before its turn came. After each run `check(point)` tests what must hold whatever happened: that nothing was
/// lost or doubled. `body` makes what it uses anew. Exceptions other than Cancelled come out nested in a
/// std::runtime_error that names the point. Gives the number of runs. Not inside a running loop (std::logic_error).
/// Source: trio's practice of testing every checkpoint; linera and others ask for it by hand.
template <class Body, class Check>
int cancel_everywhere(Body body, Check check) {
  using T = typename std::invoke_result_t<Body&>::value_type;
  int runs = 0;
  for (int checkpoint = 1;; ++checkpoint) {
    bool reached = false;
    for (const bool before : {true, false}) {
      CancelPoint point{checkpoint, before};
      try {
        detail::CancelAt hook(checkpoint, before);
        testing::run(detail::run_and_cancel<T>(std::ref(body), hook, point));
        ++runs;
        reached = hook.reached();
        check(std::as_const(point));
      } catch (const std::exception&) {
        detail::rethrow_with(point);
      }
    }
    if (!reached) return runs;
  }
}

}  // namespace plait::testing
