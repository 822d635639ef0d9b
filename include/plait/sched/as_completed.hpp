// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <ranges>
#include <utility>
#include <variant>
#include <vector>

#include "plait/core/future.hpp"
#include "plait/sched/future_watcher.hpp"
#include "plait/sched/gather.hpp"
#include "plait/sched/spawn.hpp"

namespace plait {

/// Results in the order in which they come; made by `as_completed`. Owns the futures. For one task at a time, on the
/// loop where it was made.
template <class T>
class Completions {
 public:
  /// One result.
  struct Item {
    std::size_t index;         ///< Where its Future or Task stood in the range.
    detail::NonVoid<T> value;  ///< Its value; std::monostate for void.
  };

  explicit Completions(std::vector<Future<T>> futures, bool cancel_rest)
      : futures_(std::move(futures)), cancel_rest_(cancel_rest) {
    for (std::size_t i = 0; i < futures_.size(); ++i) watcher_.watch(*futures_[i].state(), i);
  }
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;
  ~Completions() {
    if (!cancel_rest_) return;
    for (Future<T>& future : futures_) {
      if (future.valid() && !future.done()) future.cancel();
    }
  }

  /// The next result; empty when there was one for each. Throws the exception of a strand that failed; the others can
  /// be had after it. On cancel: the waiting ends, and nothing is passed over.
  Task<std::optional<Item>> next() {
    if (watcher_.left() == 0) co_return std::nullopt;
    const std::size_t i = co_await watcher_.next();
    // Done, so this takes what is there.
    Future<T> future = std::move(futures_[i]);
    future.state()->look();
    co_return Item{i, detail::take_result<T>(future.state()->result)};
  }
  /// How many results have not been given.
  std::size_t left() const noexcept { return watcher_.left(); }

 private:
  std::vector<Future<T>> futures_;
  const bool cancel_rest_;
  detail::FutureWatcher watcher_;  // dies first: it looks at the futures
};

/// The results of Futures as they come (asyncio.as_completed):
///
///     auto results = as_completed(std::move(futures));
///     while (auto item = co_await results.next()) use(item->index, item->value);
///
/// Strands that are not done when it dies go on. Call it on a loop (std::logic_error elsewhere).
template <class T>
[[nodiscard]] Completions<T> as_completed(std::vector<Future<T>> futures) {
  for (const Future<T>& future : futures) {
    if (!future.valid()) detail::refuse_empty_future();
  }
  return Completions<T>(std::move(futures), false);
}

/// The same for Tasks, which are spawned; those that are not done when it dies are cancelled.
template <std::ranges::input_range R>
  requires detail::IsTask<std::ranges::range_value_t<R>>::value
[[nodiscard]] auto as_completed(R&& tasks, std::source_location at = std::source_location::current()) {
  using T = typename std::ranges::range_value_t<R>::value_type;
  std::vector<Future<T>> futures;
  for (auto&& task : tasks) futures.push_back(spawn(std::move(task), {}, at));
  return Completions<T>(std::move(futures), true);
}

}  // namespace plait
