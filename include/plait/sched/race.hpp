// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plait/core/branch.hpp"
#include "plait/core/current_strand.hpp"
#include "plait/core/future.hpp"
#include "plait/core/located_task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/sched/gather.hpp"

namespace plait {

/// What a race does with the value of a Task that lost and finished all the same; made by `on_late`.
template <class F>
class OnLate {
 public:
  explicit OnLate(F f) : f_(std::move(f)) {}
  /// Takes the value of one loser.
  template <class T>
  void operator()(T&& value) {
    std::invoke(f_, std::forward<T>(value));
  }

 private:
  F f_;
};

/// `race(on_late(f), a, b)`: `f(value)` is called for each value of a loser, in the order of the arguments, after all
/// have ended and before the race gives its result. It takes every type that the losers may give (a generic lambda
/// does); what it throws is what the race throws.
template <class F>
auto on_late(F&& f) {
  detail::refuse_twice_destroyed<F>();
  return OnLate<std::decay_t<F>>(std::forward<F>(f));
}

namespace detail {

/// The children of a race: the first end decides, and cancels the others.
class RaceNursery : public Nursery {
 public:
  RaceNursery() { on_child_end = &first_wins; }
  const Strand* winner = nullptr;

 private:
  static bool first_wins(Nursery& nursery, const Strand& child, const std::exception_ptr&) noexcept {
    auto& self = static_cast<RaceNursery&>(nursery);
    if (!self.winner) {
      self.winner = &child;
      self.scope.cancel();
    }
    return false;
  }
};

/// A loser that finished all the same: its value is late, its error is reported.
template <class T, class Late>
void settle_loser(Branch<T>& branch, Late& late) {
  if (branch.result().error()) {
    report_unretrieved(branch.result().error(), *branch.record);
  } else if constexpr (std::is_void_v<T>) {
    late(std::monostate{});
  } else {
    late(branch.result().take());
  }
}

struct DropLate {
  template <class T>
  void operator()(T&&) const noexcept {}
};

template <class Late, class... T, std::size_t... I>
auto result_of_race(std::index_sequence<I...>, const Strand* winner, Late& late, std::tuple<Branch<T>...>& branches) {
  ((winner == &std::get<I>(branches) ? void() : settle_loser(std::get<I>(branches), late)), ...);
  std::optional<std::variant<NonVoid<T>...>> result;
  ((winner == &std::get<I>(branches)
        ? void(result.emplace(std::in_place_index<I>, take_result<T>(std::get<I>(branches).result())))
        : void()),
   ...);
  return std::move(*result);
}

template <class Late, class... T>
Task<std::variant<NonVoid<T>...>> race_tasks(Late late, Task<T>... tasks) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  std::tuple<Branch<T>...> branches(std::move(tasks)...);
  NurseryBlock<RaceNursery> block(self);
  std::apply([&](auto&... branch) { (branch.start(block.nursery, self, at), ...); }, branches);
  co_await block.nursery.join(at);
  co_return result_of_race(std::index_sequence_for<T...>{}, block.nursery.winner, late, branches);
}

template <class Late, class T>
Task<std::pair<std::size_t, NonVoid<T>>> race_range(Late late, std::vector<Task<T>> tasks) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  std::deque<Branch<T>> branches;
  for (Task<T>& task : tasks) branches.emplace_back(std::move(task));
  NurseryBlock<RaceNursery> block(self);
  for (Branch<T>& branch : branches) branch.start(block.nursery, self, at);
  co_await block.nursery.join(at);
  std::size_t won = 0;
  for (std::size_t i = 0; i < branches.size(); ++i) {
    if (block.nursery.winner == &branches[i]) {
      won = i;
    } else {
      settle_loser(branches[i], late);
    }
  }
  co_return std::pair<std::size_t, NonVoid<T>>(won, take_result<T>(branches[won].result()));
}

template <class Late, class R>
auto race_of_range(Late late, R&& tasks) {
  using T = typename std::ranges::range_value_t<R>::value_type;
  std::vector<Task<T>> list;
  for (auto&& task : tasks) list.push_back(std::move(task));
  if (list.empty()) misuse("race(): there is nothing to wait for in an empty range.");
  return LocatedTask(race_range<Late, T>(std::move(late), std::move(list)));
}

template <class R>
concept RangeOfTasks = std::ranges::input_range<R> && IsTask<std::ranges::range_value_t<R>>::value;

}  // namespace detail

/// Runs awaitables side by side, each on a strand of its own, until the first has ended; cancels the others, waits for
/// their end, and gives the winner's value as a std::variant whose index says who won (trio's nursery with a cancel,
/// asyncio.wait FIRST_COMPLETED). If the first to end throws, so does the race, unwrapped. An operation of Plait that
/// loses has not happened: its item or permit is where it was. A losing Task that finishes all the same hands its value
/// to `on_late`, else it is dropped; its error goes to the handler of `set_unretrieved_handler`. On cancel: all are
/// cancelled and awaited; a value that was there already is given.
template <detail::Awaitable... A>
  requires(sizeof...(A) > 0)
[[nodiscard]] auto race(A... awaitables) {
  return detail::LocatedTask(detail::race_tasks(detail::DropLate{}, detail::as_task(std::move(awaitables))...));
}
template <class F, detail::Awaitable... A>
  requires(sizeof...(A) > 0)
[[nodiscard]] auto race(OnLate<F> late, A... awaitables) {
  return detail::LocatedTask(detail::race_tasks(std::move(late), detail::as_task(std::move(awaitables))...));
}

/// The same for a range of Tasks, whose elements are moved from: gives the winner's index and its value. An empty range
/// is a std::logic_error.
template <detail::RangeOfTasks R>
[[nodiscard]] auto race(R&& tasks) {
  return detail::race_of_range(detail::DropLate{}, std::forward<R>(tasks));
}
template <class F, detail::RangeOfTasks R>
[[nodiscard]] auto race(OnLate<F> late, R&& tasks) {
  return detail::race_of_range(std::move(late), std::forward<R>(tasks));
}

}  // namespace plait
