// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <ranges>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plait/core/task.hpp"
#include "plait/sched/fork.hpp"

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

/// The children of one gather, in a tuple.
template <class... T>
class [[nodiscard]] Gather {
 public:
  using Values = std::tuple<NonVoid<T>...>;

  explicit Gather(Task<T>... tasks) noexcept : forks_(std::move(tasks)...) {}
  /// Not once it is awaited.
  Gather(Gather&& other) noexcept : forks_(std::move(other.forks_)) {}
  Gather& operator=(Gather&&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> frame,
                                        std::source_location at = std::source_location::current()) {
    Strand& strand = *frame.promise().strand;
    prepare(strand, std::index_sequence_for<T...>{});
    return join_.begin(strand, frame, address_of(at), &std::get<0>(forks_), sizeof...(T));
  }
  Values await_resume() {
    join_.end();
    return std::apply(
        [](auto&... fork) {
          if ((fork.result().error() || ...)) [[unlikely]]
            raise_gathered(std::array{fork.result().error()...});
          return Values(take_result<T>(fork.result())...);
        },
        forks_);
  }

 private:
  template <std::size_t... I>
  void prepare(Strand& strand, std::index_sequence<I...>) noexcept {
    (std::get<I>(forks_).prepare(strand, join_, next_of<I>()), ...);
  }
  template <std::size_t I>
  ForkBase* next_of() noexcept {
    if constexpr (I + 1 < sizeof...(T)) {
      return &std::get<I + 1>(forks_);
    } else {
      return nullptr;
    }
  }

  std::tuple<Fork<T>...> forks_;
  Join join_;
};

/// Where a vector of children lives: among the frames.
template <class T>
struct FrameAllocator {
  using value_type = T;
  FrameAllocator() = default;
  template <class U>
  explicit FrameAllocator(const FrameAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(allocate_frame(count * sizeof(T))); }
  void deallocate(T* block, std::size_t count) noexcept { deallocate_frame(block, count * sizeof(T)); }
  bool operator==(const FrameAllocator&) const = default;
};

template <class T>
using Forks = std::vector<Fork<T>, FrameAllocator<Fork<T>>>;

/// The same in a vector.
template <class T>
class [[nodiscard]] GatherRange {
 public:
  using Values = std::conditional_t<std::is_void_v<T>, void, std::vector<NonVoid<T>>>;

  explicit GatherRange(Forks<T> forks) noexcept : forks_(std::move(forks)) {}
  /// Not once it is awaited.
  GatherRange(GatherRange&& other) noexcept : forks_(std::move(other.forks_)) {}
  GatherRange& operator=(GatherRange&&) = delete;

  bool await_ready() const noexcept { return forks_.empty(); }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> frame,
                                        std::source_location at = std::source_location::current()) {
    Strand& strand = *frame.promise().strand;
    ForkBase* next = nullptr;
    for (std::size_t i = forks_.size(); i-- > 0;) {
      forks_[i].prepare(strand, join_, next);
      next = &forks_[i];
    }
    return join_.begin(strand, frame, address_of(at), next, forks_.size());
  }
  Values await_resume() {
    if (!forks_.empty()) join_.end();
    bool failed = false;
    for (Fork<T>& fork : forks_) failed |= fork.result().error() != nullptr;
    if (failed) [[unlikely]]
      raise();
    if constexpr (!std::is_void_v<T>) {
      Values values;
      values.reserve(forks_.size());
      for (Fork<T>& fork : forks_) values.push_back(fork.result().take());
      return values;
    }
  }

 private:
  void raise() {
    std::vector<std::exception_ptr> errors;
    for (Fork<T>& fork : forks_) errors.push_back(fork.result().error());
    raise_gathered(errors);
  }

  Forks<T> forks_;
  Join join_;
};

}  // namespace detail

/// Runs awaitables side by side, each on a strand of its own, and gives their results as a tuple in the order of the
/// arguments (void counts as std::monostate). The first failure cancels the others; when all have ended, the errors are
/// thrown together as an ExceptionGroup, even a single one (asyncio.gather with the semantics of a task group). On
/// cancel: all children are cancelled and awaited, then Cancelled is thrown.
template <detail::Awaitable... A>
  requires(sizeof...(A) > 0)
[[nodiscard]] auto gather(A... awaitables) {
  return detail::Gather(detail::as_task(std::move(awaitables))...);
}

/// The same for a range of Tasks, whose elements are moved from: gives a vector (nothing for Task<void>) in order.
template <std::ranges::input_range R>
  requires detail::IsTask<std::ranges::range_value_t<R>>::value
[[nodiscard]] auto gather(R&& tasks) {
  using T = typename std::ranges::range_value_t<R>::value_type;
  detail::Forks<T> forks;
  if constexpr (std::ranges::sized_range<R>) forks.reserve(std::ranges::size(tasks));
  for (auto&& task : tasks) forks.emplace_back(std::move(task));
  return detail::GatherRange<T>(std::move(forks));
}

}  // namespace plait
