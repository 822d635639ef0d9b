// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <iterator>
#include <ranges>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/core/current_strand.hpp"
#include "plait/core/future.hpp"
#include "plait/core/located_task.hpp"
#include "plait/sched/deadline_scope.hpp"
#include "plait/sched/future_watcher.hpp"
#include "plait/sched/spawn.hpp"

namespace plait {

/// How `as_completed` waits. Trivially destructible.
struct AsCompletedOptions {
  /// For all of them, from the call on. What is done is given even after that. Default: for ever.
  Duration timeout = Duration::max();
};

/// Futures in the order in which they are done; made by `as_completed`. `F` is a Future, or a const one. For one strand
/// at a time. It may be moved as long as nobody goes through it; what was moved from is at its end.
template <class F>
class [[nodiscard]] Completions {
 public:
  /// An input iterator over them, for a plain thread.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::remove_const_t<F>;
    using difference_type = std::ptrdiff_t;

    Iterator() noexcept = default;
    F& operator*() const noexcept { return *at_; }
    F* operator->() const noexcept { return at_; }
    Iterator& operator++() {
      at_ = from_->wait_for_next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) noexcept { return !i.at_; }

   private:
    friend class Completions;
    explicit Iterator(Completions& from) : from_(&from) { ++*this; }
    Completions* from_ = nullptr;
    F* at_ = nullptr;
  };

  Completions(Completions&&) noexcept = default;
  Completions& operator=(Completions&& other) noexcept {
    Completions(std::move(other)).swap(*this);
    return *this;
  }
  ~Completions() {
    if (!cancel_rest_) return;
    for (auto& future : owned_) {
      if (future.valid() && !future.done()) future.cancel();
    }
  }

  void swap(Completions& other) noexcept {
    std::swap(owned_, other.owned_);
    std::swap(futures_, other.futures_);
    std::swap(cancel_rest_, other.cancel_rest_);
    std::swap(deadline_, other.deadline_);
    std::swap(last_, other.last_);
    watcher_.swap(other.watcher_);
  }

  /// In a task: awaits the next Future that is done; null at the end. In a thread, `sync_wait` it, or use the range.
  /// Throws TimeoutError when the time of `as_completed` is up, never an error of a strand: that is the Future's. On
  /// cancel: the waiting ends, and nothing is passed over.
  [[nodiscard]] auto next() { return detail::LocatedTask(await_next(*this)); }

  /// In a plain thread: `for (auto& f : as_completed(futures)) use(f.result());`, which parks it. Errors as those of
  /// `next`; throws Cancelled if the thread is cancelled, std::logic_error on a loop's thread, always.
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// How many have not been given.
  std::size_t left() const noexcept { return watcher_.left(); }
  /// The place in the range of a Future that was given. At once for the last one; else linear. Throws std::logic_error
  /// for others.
  std::size_t index_of(const F& future) const {
    if (last_ < futures_.size() && futures_[last_] == &future) return last_;
    for (std::size_t i = 0; i < futures_.size(); ++i) {
      if (futures_[i] == &future) return i;
    }
    detail::misuse("as_completed(): index_of() was asked for a Future that is not of its range.");
  }

  /// For the library: of a range that stays the caller's.
  Completions(AsCompletedOptions options, std::vector<F*> futures)
      : futures_(std::move(futures)), deadline_(detail::add(now(), options.timeout)), watcher_(states()) {}
  /// For the library: of its own, which it cancels when it dies, or not.
  Completions(AsCompletedOptions options, std::vector<std::remove_const_t<F>> futures, bool cancel_rest)
      : owned_(std::move(futures)),
        futures_(detail::places_of<F>(owned_)),
        cancel_rest_(cancel_rest),
        deadline_(detail::add(now(), options.timeout)),
        watcher_(states()) {}

 private:
  std::vector<detail::FutureStateBase*> states() const {
    std::vector<detail::FutureStateBase*> all;
    all.reserve(futures_.size());
    for (F* future : futures_) all.push_back(&detail::state_of(*future));
    return all;
  }

  F* give(std::size_t index) noexcept {
    last_ = index;
    return futures_[index];
  }

  F* wait_for_next() {
    detail::Scheduler::refuse_to_block("The loop over as_completed()",
                                       "`while (auto* future = co_await completions.next())` instead.");
    if (left() == 0) return nullptr;
    detail::FutureWatcher::Next next = watcher_.next();
    if (!next.wait_in_thread(deadline_)) detail::refuse_unfinished(left(), futures_.size());
    return give(next.take());
  }

  static Task<F*> await_next(Completions& self) {
    if (self.left() == 0) co_return nullptr;
    detail::Strand& strand = co_await detail::CurrentStrand{};
    const void* at = strand.record->awaits_at.load(std::memory_order_relaxed);
    detail::DeadlineScope limit(strand, self.watcher_.ready() ? detail::kNever : self.deadline_);
    try {
      detail::FutureWatcher::Next next = self.watcher_.next();
      detail::AtLine<detail::FutureWatcher::Next> located(next, at);
      co_return self.give(co_await located);
    } catch (const Cancelled&) {
      if (!limit.catches()) throw;
    }
    if (const auto arrived = self.watcher_.try_next()) co_return self.give(*arrived);
    detail::refuse_unfinished(self.left(), self.futures_.size());
  }

  std::vector<std::remove_const_t<F>> owned_;
  std::vector<F*> futures_;
  bool cancel_rest_ = false;
  TimePoint deadline_;
  std::size_t last_ = 0;
  detail::FutureWatcher watcher_;  // dies first: it looks at the futures
};

/// Futures in the order in which they are done, those that are done already first, each once (asyncio.as_completed,
/// concurrent.futures.as_completed). In a plain thread, and in a task:
///
///     for (auto& future : as_completed(futures)) use(future.result());
///
///     auto completions = as_completed(futures);
///     while (auto* future = co_await completions.next()) use(completions.index_of(*future), co_await *future);
///
/// `futures` is an lvalue range of Futures, of tasks on any loop, of threads, of pools, which stay where they are until
/// they are given. Strands that are not done when it dies go on. An empty Future is a std::logic_error. From any
/// strand.
template <detail::FutureRange R>
auto as_completed(AsCompletedOptions options, R&& futures) {
  using F = std::remove_reference_t<std::ranges::range_reference_t<R>>;
  return Completions<F>(options, detail::places_of<F>(futures));
}
template <detail::FutureRange R>
auto as_completed(R&& futures) {
  return plait::as_completed(AsCompletedOptions{}, futures);
}

/// The same; it owns the Futures.
template <class T>
Completions<Future<T>> as_completed(AsCompletedOptions options, std::vector<Future<T>>&& futures) {
  return Completions<Future<T>>(options, std::move(futures), false);
}
template <class T>
Completions<Future<T>> as_completed(std::vector<Future<T>>&& futures) {
  return plait::as_completed(AsCompletedOptions{}, std::move(futures));
}

/// The same for a range of Tasks, which are moved from and spawned; those that are not done when it dies are cancelled.
/// Call it on a loop (std::logic_error elsewhere).
template <std::ranges::input_range R>
  requires detail::IsTask<std::ranges::range_value_t<R>>::value
auto as_completed(AsCompletedOptions options, R&& tasks, std::source_location at = std::source_location::current()) {
  using T = typename std::ranges::range_value_t<R>::value_type;
  std::vector<Future<T>> futures;
  for (auto&& task : tasks) futures.push_back(spawn(std::move(task), {}, at));
  return Completions<Future<T>>(options, std::move(futures), true);
}
template <std::ranges::input_range R>
  requires detail::IsTask<std::ranges::range_value_t<R>>::value
auto as_completed(R&& tasks, std::source_location at = std::source_location::current()) {
  return plait::as_completed(AsCompletedOptions{}, tasks, at);
}

}  // namespace plait
