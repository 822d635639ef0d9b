// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <deque>
#include <ranges>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "plait/core/branch.hpp"
#include "plait/core/current_strand.hpp"
#include "plait/core/located_task.hpp"
#include "plait/sched/failures.hpp"

namespace plait {
namespace detail {

template <class T>
using NonVoid = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
NonVoid<T> take_result(Result<T>& result) {
  if constexpr (std::is_void_v<T>) {
    result.take();
    return {};
  } else {
    return result.take();
  }
}

template <class... T>
LocatedTask<std::tuple<NonVoid<T>...>> gather_tasks(Task<T>... tasks) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  std::tuple<Branch<T>...> branches(std::move(tasks)...);
  NurseryBlock<> block(self);
  block.nursery.on_child_end = &Nursery::cancel_on_failure;
  std::apply([&](auto&... branch) { (branch.start(block.nursery, self, at), ...); }, branches);
  co_await block.nursery.join(at);
  Failures failures;
  std::apply([&](auto&... branch) { (failures.add(branch.result().error()), ...); }, branches);
  failures.raise("gather");
  co_return std::apply([](auto&... branch) { return std::tuple<NonVoid<T>...>(take_result<T>(branch.result())...); },
                       branches);
}

template <class T>
using GatheredRange = std::conditional_t<std::is_void_v<T>, void, std::vector<NonVoid<T>>>;

template <class T>
LocatedTask<GatheredRange<T>> gather_range(std::vector<Task<T>> tasks) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  std::deque<Branch<T>> branches;
  for (Task<T>& task : tasks) branches.emplace_back(std::move(task));
  NurseryBlock<> block(self);
  block.nursery.on_child_end = &Nursery::cancel_on_failure;
  for (Branch<T>& branch : branches) branch.start(block.nursery, self, at);
  co_await block.nursery.join(at);
  Failures failures;
  for (Branch<T>& branch : branches) failures.add(branch.result().error());
  failures.raise("gather");
  if constexpr (!std::is_void_v<T>) {
    std::vector<T> values;
    values.reserve(branches.size());
    for (Branch<T>& branch : branches) values.push_back(branch.result().take());
    co_return values;
  }
}

}  // namespace detail

/// Runs awaitables side by side, each on a strand of its own, and gives their results as a tuple in the order of the
/// arguments (void counts as std::monostate). The first failure cancels the others; when all have ended, the errors are
/// thrown together as an ExceptionGroup, even a single one (asyncio.gather with the semantics of a task group). On
/// cancel: all children are cancelled and awaited, then Cancelled is thrown.
template <detail::Awaitable... A>
  requires(sizeof...(A) > 0)
[[nodiscard]] auto gather(A... awaitables) {
  return detail::gather_tasks(detail::as_task(std::move(awaitables))...);
}

/// The same for a range of Tasks, whose elements are moved from: gives a vector (nothing for Task<void>) in order.
template <std::ranges::input_range R>
  requires detail::IsTask<std::ranges::range_value_t<R>>::value
[[nodiscard]] auto gather(R&& tasks) {
  using T = typename std::ranges::range_value_t<R>::value_type;
  std::vector<Task<T>> list;
  for (auto&& task : tasks) list.push_back(std::move(task));
  return detail::gather_range<T>(std::move(list));
}

}  // namespace plait
