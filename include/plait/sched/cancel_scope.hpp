// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/base/time.hpp"
#include "plait/core/current_strand.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/located_task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/sched/spawn.hpp"
#include "plait/sched/timeout.hpp"

namespace plait {

/// How a CancelScope begins. Trivially destructible.
struct CancelScopeOptions {
  /// On the clock of `plait::now()`: the scope is cancelled then, unless it has ended. Default: never.
  TimePoint deadline = detail::kNever;
  /// Cancels from outside do not reach into the scope.
  bool shield = false;
};

/// A block of code that can be cancelled as one, from anywhere (trio.CancelScope). Inside a cancelled scope each
/// checkpoint throws Cancelled, again and again, until the scope is left; only the scope itself keeps it.
class CancelScope {
 public:
  CancelScope() : CancelScope(CancelScopeOptions{}) {}
  explicit CancelScope(CancelScopeOptions options);
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;
  /// The program stops with a sentence if the scope runs.
  ~CancelScope();

  /// Runs the coroutine `body()` in the scope, once. Gives its value as a std::optional, empty if the scope was
  /// cancelled and the body gave way; true or false where there is no value. A Cancelled from a scope around it passes
  /// on.
  template <class F>
    requires detail::MakesTask<F>
  [[nodiscard]] auto run(F&& body) {
    detail::refuse_twice_destroyed<F>();
    return detail::LocatedTask(run_in(*this, std::decay_t<F>(std::forward<F>(body))));
  }

  /// Cancels what runs in the scope, or will: idempotent, the first `reason` stays. From any thread, as long as the
  /// scope lives; from another thread than that of its loop it takes effect there soon.
  void cancel(std::string_view reason = {});
  /// Moves the deadline; one that has passed cancels, for good. Before the scope runs, or from its loop (else
  /// std::logic_error).
  void set_deadline(TimePoint deadline);
  /// Hides cancels from outside while `on`. Before the scope runs, or from its loop (else std::logic_error).
  void set_shield(bool on);

  /// The deadline, as it was set last.
  TimePoint deadline() const noexcept;
  /// `cancel` was called, or the deadline passed before the scope ended. From any thread.
  bool cancel_called() const noexcept;
  /// The block ended because of it: the Cancelled that came out of the body was this scope's.
  bool cancelled_caught() const noexcept;
  /// What the first `cancel` said. "deadline" if that came first.
  std::string reason() const;

 private:
  struct State;
  /// The scope on its strand, for the time of the block.
  class Entered {
   public:
    Entered(CancelScope& scope, detail::Strand& strand);
    ~Entered();
    /// A Cancelled came out of the block. True: it ends here.
    bool catches() noexcept;

   private:
    State& state_;
    detail::DeadlineScope scope_;
  };

  template <class F, class T = typename std::invoke_result_t<F&>::value_type>
  static Task<detail::MaybeOf<T>> run_in(CancelScope& scope, F body) {
    detail::Strand& self = co_await detail::CurrentStrand{};
    Entered entered(scope, self);
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::invoke(body);
        co_return true;
      } else {
        co_return co_await std::invoke(body);
      }
    } catch (const Cancelled&) {
      if (!entered.catches()) throw;
    }
    co_return detail::MaybeOf<T>();
  }

  /// Shared with a cancel that is on its way from another thread.
  std::shared_ptr<State> state_;
};

}  // namespace plait
