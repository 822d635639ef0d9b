// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <ranges>
#include <source_location>
#include <type_traits>
#include <utility>

#include "plait/core/record.hpp"
#include "plait/core/task.hpp"
#include "plait/io/progress_bar.hpp"

namespace plait {
namespace detail {

/// What tasks go through by `while (auto item = co_await source.next())`.
template <class S>
concept AwaitedSource = requires(S& source) {
  { source.next() } -> Awaitable;
};
/// It knows how many items are still to come.
template <class S>
concept KnowsWhatIsLeft = requires(const S& source) {
  { source.left() } -> std::integral;
};

/// How many items a range or source has, if it says so without being gone through.
template <class S>
std::optional<std::int64_t> items_in(S& source) {
  if constexpr (KnowsWhatIsLeft<S>) {
    return static_cast<std::int64_t>(source.left());
  } else if constexpr (std::ranges::sized_range<S&>) {
    return static_cast<std::int64_t>(std::ranges::size(source));
  } else {
    return std::nullopt;
  }
}

/// Counts the items that `co_await source.next()` gives. An item counts when the next one is asked for; a source that
/// knows what is left is asked instead, so that an item that was an error counts too.
class NextCount {
 public:
  explicit NextCount(std::int64_t all) noexcept : all_(all) {}

  template <class S>
  void asked(ProgressCount& count, const S& source) noexcept {
    if constexpr (KnowsWhatIsLeft<S>) {
      count.reach(all_ - static_cast<std::int64_t>(source.left()));
    } else if (std::exchange(given_, false)) {
      count.reach(count.done() + 1);
    }
  }
  void given() noexcept { given_ = true; }

 private:
  std::int64_t all_;
  bool given_ = false;
};

/// What `next()` of a progress gives: the source's own awaitable, whose result is looked at when it passes.
template <class S>
class [[nodiscard]] CountedNext {
  using Inner = decltype(std::declval<S&>().next());

 public:
  CountedNext(S& source, ProgressCount& count, NextCount& next, const void* at)
      : source_(&source), count_(&count), next_(&next), inner_(source.next()), at_(at) {}

  class Awaiter {
   public:
    explicit Awaiter(CountedNext& outer) : outer_(outer), inner_(outer.inner_, outer.at_) {}

    bool await_ready() { return inner_.await_ready(); }
    template <class Promise>
    auto await_suspend(std::coroutine_handle<Promise> frame) {
      return inner_.await_suspend(frame);
    }
    AwaitResult<Inner> await_resume() {
      if constexpr (std::is_void_v<AwaitResult<Inner>>) {
        inner_.await_resume();
        outer_.next_->given();
      } else {
        AwaitResult<Inner> item = inner_.await_resume();
        outer_.look_at(item);
        return static_cast<AwaitResult<Inner>&&>(item);
      }
    }

   private:
    CountedNext& outer_;
    AtLine<Inner> inner_;
  };
  Awaiter operator co_await() && { return Awaiter(*this); }

 private:
  template <class Item>
  void look_at(const Item& item) noexcept {
    if constexpr (std::is_constructible_v<bool, const Item&>) {
      if (!static_cast<bool>(item)) {
        next_->asked(*count_, *source_);
        count_->finish();
        return;
      }
    }
    next_->given();
  }

  S* source_;
  ProgressCount* count_;
  NextCount* next_;
  Inner inner_;
  const void* at_;
};

}  // namespace detail

/// A range with a progress bar; made by `progress`. An input range, gone through once, by one strand at a time; must
/// not be moved while it is gone through. Elements, references and exceptions pass through as they are. The bar ends at
/// the end of the range or, after a `break` or an exception, with this object; a second time is not drawn.
template <std::ranges::view V>
  requires std::ranges::input_range<V>
class ProgressView : public std::ranges::view_interface<ProgressView<V>> {
  /// The end is known as a number, so that one comparison serves it and the count at which to look.
  static constexpr bool kCountsToEnd =
      std::ranges::random_access_range<V> &&
      std::sized_sentinel_for<std::ranges::sentinel_t<V>, std::ranges::iterator_t<V>> &&
      std::signed_integral<std::ranges::range_difference_t<V>>;

 public:
  class Iterator;

  ProgressView(V base, const ProgressOptions& options, std::optional<std::int64_t> total)
      : base_(std::move(base)), count_(options, total), next_(total.value_or(0)) {}

  /// Begins the range, once.
  Iterator begin() {
    current_.emplace(std::ranges::begin(base_));
    last_ = std::ranges::end(base_);
    if constexpr (kCountsToEnd) {
      end_ = count_.done() + static_cast<std::int64_t>(last_ - *current_);
      count_.limit(end_);
    }
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// How many elements the range has.
  auto size()
    requires std::ranges::sized_range<V>
  {
    return std::ranges::size(base_);
  }

  /// For a range that tasks may go through as well: its `next()`, counted.
  auto next(std::source_location at = std::source_location::current())
    requires requires(V& v) {
      { v.base() } -> detail::AwaitedSource;
    }
  {
    auto& source = base_.base();
    next_.asked(count_, source);
    return detail::CountedNext<std::remove_reference_t<decltype(source)>>(source, count_, next_,
                                                                          detail::address_of(at));
  }

 private:
  void advance() {
    count_.count();
    if constexpr (!kCountsToEnd) {
      if (count_.at_mark()) [[unlikely]]
        count_.look();
    }
    ++*current_;
  }
  bool at_end() {
    if constexpr (kCountsToEnd) {
      if (!count_.at_mark()) [[likely]]
        return false;
      if (count_.done() != end_) {
        count_.look(end_);
        return false;
      }
    } else if (*current_ != last_) {
      return false;
    }
    count_.finish();
    return true;
  }

  V base_;
  std::optional<std::ranges::iterator_t<V>> current_;
  std::ranges::sentinel_t<V> last_{};
  detail::ProgressCount count_;
  detail::NextCount next_;
  std::int64_t end_ = 0;
};

/// Where a ProgressView stands.
template <std::ranges::view V>
  requires std::ranges::input_range<V>
class ProgressView<V>::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = std::ranges::range_value_t<V>;
  using difference_type = std::ranges::range_difference_t<V>;

  std::ranges::range_reference_t<V> operator*() const { return **view_->current_; }
  Iterator& operator++() {
    view_->advance();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const { return view_->at_end(); }
  friend std::ranges::range_rvalue_reference_t<V> iter_move(const Iterator& i) {
    return std::ranges::iter_move(*i.view_->current_);
  }

 private:
  friend ProgressView;
  explicit Iterator(ProgressView& view) noexcept : view_(&view) {}

  ProgressView* view_;
};

/// What tasks go through by `next()`, with a progress bar; made by `progress`. The bar ends with the source, or with
/// this object.
template <class S>
class ProgressSource {
 public:
  /// `source` is moved in, or stays the caller's if it is an lvalue.
  ProgressSource(S&& source, const ProgressOptions& options, std::optional<std::int64_t> total)
      : source_(std::forward<S>(source)), count_(options, total), next_(total.value_or(0)) {}
  ProgressSource(const ProgressSource&) = delete;
  ProgressSource& operator=(const ProgressSource&) = delete;

  /// The source's `next()`, counted: an awaitable with the same result. On cancel: as the source's.
  auto next(std::source_location at = std::source_location::current()) {
    next_.asked(count_, source_);
    return detail::CountedNext<std::remove_reference_t<S>>(source_, count_, next_, detail::address_of(at));
  }

 private:
  S source_;
  detail::ProgressCount count_;
  detail::NextCount next_;
};

/// Shows how far a loop is (tqdm), on the terminal behind stderr, with rate and time left:
///
///     for (auto& x : plait::progress(items, {.title = "items"})) use(x);
///
/// Any input range, named or not; a range that isn't named is kept. The total is `.total`, else what the range's
/// `left()` or `std::ranges::size` say, else unknown. The loop looks at the clock about every 10 µs and draws at most
/// ten times a second; if stderr is no terminal nothing is drawn and nothing looked at.
/// Throws std::logic_error for bad options.
template <std::ranges::input_range R>
  requires std::ranges::viewable_range<R>
[[nodiscard]] auto progress(R&& range, const ProgressOptions& options = {}) {
  const std::optional<std::int64_t> total = detail::items_in(range);
  return ProgressView<std::views::all_t<R>>(std::views::all(std::forward<R>(range)), options, total);
}

/// The same for what tasks go through: AsyncGenerator, `as_completed`, a Queue.
///
///     auto p = plait::progress(results, {.title = "results"});
///     while (auto item = co_await p.next()) use(*item);
///
/// A source that can't be moved is named first and passed as an lvalue, which must outlive this.
template <class S>
  requires(!std::ranges::input_range<S> && detail::AwaitedSource<std::remove_reference_t<S>>)
[[nodiscard]] auto progress(S&& source, const ProgressOptions& options = {}) {
  static_assert(std::is_lvalue_reference_v<S> || std::is_move_constructible_v<S>,
                "plait::progress: this source can't be moved; name it first and pass the name");
  const std::optional<std::int64_t> total = detail::items_in(source);
  return ProgressSource<S>(std::forward<S>(source), options, total);
}

}  // namespace plait
