// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <ranges>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "plait/core/future.hpp"

namespace plait::detail {

/// An lvalue range of Futures, or a view of Futures that live elsewhere.
template <class R>
concept FutureRange = std::ranges::input_range<R> && std::ranges::borrowed_range<R> &&
                      std::is_lvalue_reference_v<std::ranges::range_reference_t<R>> &&
                      AnyFuture<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

/// Throws std::logic_error if the Future is empty.
template <class T>
FutureStateBase& state_of(const Future<T>& future) {
  if (!future.valid()) refuse_empty_future();
  return *future.state();
}

/// Those of a range, in its order.
template <class R>
std::vector<FutureStateBase*> states_of(R& futures) {
  std::vector<FutureStateBase*> states;
  for (auto& future : futures) states.push_back(&state_of(future));
  return states;
}

/// Where the Futures of a range are. A view may give one several times: it is there once.
template <class F, class R>
std::vector<F*> places_of(R& futures) {
  std::vector<F*> places;
  std::unordered_set<const F*> seen;
  for (F& future : futures) {
    if (std::ranges::contiguous_range<R> || seen.insert(&future).second) places.push_back(&future);
  }
  return places;
}

/// Tells one strand, a task or a plain thread, in which order futures are done. Their strands may run anywhere. It and
/// its operations are for one strand at a time.
class FutureWatcher {
 public:
  /// A future is known by its place, and stays where it is until it was told or the watcher dies. Those that are done
  /// are told first.
  explicit FutureWatcher(const std::vector<FutureStateBase*>& futures);
  /// `other` watches nothing any more. Not while a strand waits.
  FutureWatcher(FutureWatcher&& other) noexcept : watches_(std::exchange(other.watches_, nullptr)) {}
  FutureWatcher& operator=(FutureWatcher&&) = delete;
  /// What it watches is left alone. A completion that is on its way arrives at memory that waits for it.
  ~FutureWatcher();

  void swap(FutureWatcher& other) noexcept { std::swap(watches_, other.watches_); }

  /// How many have not been told.
  std::size_t left() const noexcept;
  /// One that is done has not been told.
  bool ready() const noexcept;
  /// The next place, if one is done. Never waits.
  std::optional<std::size_t> try_next() noexcept;

  struct Watch;
  struct Watches;

  /// Waits for the next place. Not without anything left; for one strand at a time (std::logic_error). On cancel:
  /// nothing is told.
  class Next : public Leaf<Next> {
   public:
    explicit Next(Watches& watches) noexcept : Leaf(WaitKind::task, &watches), watches_(&watches) {}
    bool try_now();
    bool enqueue();
    bool withdraw() noexcept;
    bool give_back() noexcept;
    std::size_t take() const noexcept;

   private:
    friend class FutureWatcher;
    Watches* watches_;
    /// What was granted.
    Watch* told_ = nullptr;
  };
  Next next() noexcept { return Next(*watches_); }

 private:
  Watches* watches_;
};

/// Throws TimeoutError: "as_completed(): 2 (of 5) futures unfinished".
[[noreturn]] void refuse_unfinished(std::size_t left, std::size_t all);

}  // namespace plait::detail
