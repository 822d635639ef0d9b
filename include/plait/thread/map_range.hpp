// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/task.hpp"

namespace plait::detail {

/// The results of a `map` as its caller holds them: an input range for plain threads, `next()` for tasks. Movable,
/// until it is begun: what the calls look at stays where it is, in `State`.
template <class State>
class MapRange {
  using Value = typename State::Value;

 public:
  /// Of an input range: `++` waits for the next result.
  class iterator {
   public:
    using value_type = Value;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(State& state) noexcept : state_(&state) {}
    Value& operator*() const noexcept { return state_->current(); }
    iterator& operator++() {
      state_->step();
      return *this;
    }
    void operator++(int) { state_->step(); }
    bool operator==(std::default_sentinel_t) const noexcept { return state_->at_end(); }

   private:
    State* state_ = nullptr;
  };

  /// In a plain thread: waits for the first result. Throws std::logic_error on a loop's thread: `co_await next()`
  /// there.
  iterator begin() {
    Scheduler::refuse_to_block("the range of map()", "co_await its next() instead.");
    state().step();
    return iterator(state());
  }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// In a task: the next result; empty at the end. On cancel: the waiting ends, and nothing is passed over.
  Task<std::optional<Value>> next() { return state().next(); }
  /// How many results have not been given, where the range knows its size.
  std::size_t left() const noexcept
    requires requires(const State& s) { s.left(); }
  {
    return state_ ? state_->left() : 0;
  }

 protected:
  explicit MapRange(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

 private:
  State& state() const {
    if (!state_) misuse("map(): these results were moved from.");
    return *state_;
  }

  std::unique_ptr<State> state_;
};

}  // namespace plait::detail
