// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plait/core/child_wait.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/executor.hpp"
#include "plait/core/future.hpp"
#include "plait/core/task.hpp"
#include "plait/sched/run.hpp"
#include "plait/sync/queue.hpp"
#include "plait/thread/chunk_size.hpp"
#include "plait/thread/map_range.hpp"

namespace plait {

namespace detail {

/// A `map` of a pool of threads on its way; see MapResults. Stays where it is.
template <class Pool, class F, std::ranges::input_range R>
class MapState {
  friend class MapRange<MapState>;
  using Reference = std::ranges::range_reference_t<R>;
  using Element = std::ranges::range_value_t<R>;
  using Argument = std::conditional_t<std::is_lvalue_reference_v<Reference>, const Element&, Element&&>;
  static_assert(std::is_invocable_v<F&, Argument>,
                "map(f, range): f can't be called with an element of the range; elements are passed as const&, or as "
                "rvalues where the range makes them.");
  using Raw = std::invoke_result_t<F&, Argument>;
  using Value = std::conditional_t<std::is_void_v<Raw>, std::monostate, std::remove_cvref_t<Raw>>;
  /// Chunks may be parts of the caller's range instead of copies.
  static constexpr bool kSlices =
      std::ranges::random_access_range<R> && std::ranges::sized_range<R> && std::is_lvalue_reference_v<Reference>;

  struct Slice {
    std::ranges::iterator_t<R> begin;
    std::size_t size = 0;
  };
  struct NoSlice {};
  /// In a vector a bool of its own.
  struct Result {
    Value value;
  };

  /// Some elements, then their results. Shared by the results and the call.
  struct Chunk {
    std::vector<Element> copies;
    std::optional<std::conditional_t<kSlices, Slice, NoSlice>> slice;
    std::vector<Result> values;
    /// Which of the elements have no value but an error, in order.
    std::vector<std::pair<std::size_t, std::exception_ptr>> errors;
    Duration took{};
    Future<void> future;

    std::size_t size() const noexcept {
      if constexpr (kSlices) {
        if (slice) return slice->size;
      }
      return copies.size();
    }
    void clear() noexcept {
      copies.clear();
      slice.reset();
      values.clear();
      errors.clear();
    }
  };

  /// What the calls share.
  struct Shared {
    explicit Shared(F function) : f(std::move(function)) {}
    F f;
    /// Unless the order is kept: chunks as they come.
    Queue<std::shared_ptr<Chunk>> done;

    void call(Chunk& chunk) {
      const TimePoint begin = now();
      chunk.values.reserve(chunk.size());
      if constexpr (kSlices) {
        if (chunk.slice) {
          each(chunk, std::ranges::subrange(chunk.slice->begin,
                                            chunk.slice->begin + static_cast<std::ptrdiff_t>(chunk.slice->size)));
          chunk.took = now() - begin;
          return;
        }
      }
      each(chunk, chunk.copies);
      chunk.took = now() - begin;
    }
    template <class Elements>
    void each(Chunk& chunk, Elements&& elements) {
      std::size_t at = 0;
      auto next = std::ranges::begin(elements);
      const auto end = std::ranges::end(elements);
      while (next != end) {
        try {
          for (; next != end; ++next, ++at) append(chunk.values, static_cast<Argument>(*next));
        } catch (...) {
          if (detail::this_thread_strand().cancel_called()) throw;  // all of the chunk
          chunk.errors.emplace_back(at++, std::current_exception());
          ++next;
        }
      }
    }
    void append(std::vector<Result>& values, Argument argument) {
      if constexpr (std::is_void_v<Raw>) {
        std::invoke(f, static_cast<Argument>(argument));
        values.emplace_back();
      } else {
        values.push_back({std::invoke(f, static_cast<Argument>(argument))});
      }
    }
  };

 public:
  MapState(Pool& pool, F f, R range, MapOptions options)
      : pool_(&pool),
        range_(std::forward<R>(range)),
        options_(options),
        copies_(!kSlices || detail::Scheduler::current()),
        sizes_(options, pool.size()),
        shared_(std::make_shared<Shared>(std::move(f))) {
    if constexpr (std::ranges::sized_range<R>) left_in_range_ = std::ranges::size(range_);
    try {
      submit_chunks();
    } catch (...) {
      leave();
      throw;
    }
  }
  MapState(const MapState&) = delete;
  MapState& operator=(const MapState&) = delete;
  ~MapState() { leave(); }

  Task<std::optional<Value>> next() {
    while (at_ == current_size()) {
      if (!begin_next()) co_return std::nullopt;
      if (options_.ordered) {
        detail::FutureDone<void> done(*out_.front()->future.state());
        co_await done;
        take(out_.front());
      } else {
        take(co_await shared_->done.get());
      }
    }
    ++at_;
    throw_if_failed();
    co_return std::move(current());
  }
  std::size_t left() const noexcept
    requires std::ranges::sized_range<R>
  {
    std::size_t in_chunks = current_size() - at_;
    for (const auto& chunk : out_) in_chunks += chunk->size();
    return in_chunks + left_in_range_;
  }

 private:
  std::size_t current_size() const noexcept { return current_ ? current_->size() : 0; }
  bool at_end() const noexcept { return at_end_; }
  Value& current() noexcept { return current_->values[at_ - 1 - failed_].value; }
  void leave() noexcept {
    for (auto& chunk : out_) chunk->future.cancel();
    if (copies_ && detail::Scheduler::current()) return;
    for (auto& chunk : out_) detail::wait_uncancelled(*chunk->future.state());
  }

  void step() {
    if (at_ == current_size() && !step_to_next_chunk()) [[unlikely]]
      return;
    ++at_;
    throw_if_failed();
  }
  /// False at the end.
  [[gnu::noinline]] bool step_to_next_chunk() {
    while (at_ == current_size()) {
      if (!begin_next()) {
        at_end_ = true;
        return false;
      }
      // A worker of the pool waits for a Future, so that it may make the call itself.
      if (options_.ordered || detail::this_thread_strand().crew) {
        detail::FutureDone<void>(*out_.front()->future.state()).wait_in_thread(detail::kNever);
      }
      // What is done has arrived there, or is about to.
      take(options_.ordered ? out_.front() : sync_wait(shared_->done.get()));
    }
    return true;
  }
  /// The chunk before is used up: more may be submitted. False at the end; throws what the input threw there.
  bool begin_next() {
    if (current_) {
      current_->clear();
      spare_.push_back(std::move(current_));
    }
    at_ = failed_ = 0;
    submit_chunks();
    if (!out_.empty()) return true;
    if (input_error_) std::rethrow_exception(std::exchange(input_error_, nullptr));
    return false;
  }
  void take(std::shared_ptr<Chunk> chunk) {
    std::erase(out_, chunk);
    in_flight_ -= chunk->size();
    sizes_.learn(chunk->size(), chunk->took);
    detail::FutureView<void>(*chunk->future.state()).take();  // throws if the whole chunk was cancelled
    current_ = std::move(chunk);
  }
  void throw_if_failed() {
    if (failed_ == current_->errors.size() || current_->errors[failed_].first != at_ - 1) [[likely]]
      return;
    std::rethrow_exception(current_->errors[failed_++].second);
  }

  void submit_chunks() {
    while (!input_over_) {
      const std::size_t size = sizes_.next(in_flight_, left_in_range_);
      if (size == 0) return;
      std::shared_ptr<Chunk> chunk = new_chunk();
      try {
        fill(*chunk, size);
      } catch (...) {
        input_error_ = std::current_exception();
        input_over_ = true;
      }
      if (chunk->size() == 0) return;
      out_.push_back(chunk);
      const auto call = [shared = shared_, chunk] { shared->call(*chunk); };
      try {
        chunk->future = pool_->submit(call);
      } catch (...) {
        out_.pop_back();
        input_over_ = true;
        if (out_.empty()) throw;
        input_error_ = std::current_exception();
        return;
      }
      in_flight_ += chunk->size();
      if (options_.ordered) continue;
      const auto tell = [shared = shared_, chunk] { static_cast<void>(shared->done.try_put(chunk)); };
      chunk->future.add_done_callback(tell);
    }
  }
  std::shared_ptr<Chunk> new_chunk() {
    if (spare_.empty()) return std::make_shared<Chunk>();
    std::shared_ptr<Chunk> chunk = std::move(spare_.back());
    spare_.pop_back();
    return chunk.use_count() == 1 ? chunk : std::make_shared<Chunk>();
  }
  void fill(Chunk& chunk, std::size_t size) {
    if (!next_) next_.emplace(std::ranges::begin(range_));
    if constexpr (kSlices) {
      const std::size_t count = std::min(size, left_in_range_);
      if (copies_) {
        chunk.copies.assign(*next_, *next_ + static_cast<std::ptrdiff_t>(count));
      } else {
        chunk.slice.emplace(*next_, count);
      }
      *next_ += static_cast<std::ptrdiff_t>(count);
      left_in_range_ -= count;
      input_over_ = left_in_range_ == 0;
    } else {
      while (chunk.copies.size() < size) {
        // Not before the next element is wanted: the input may wait for it.
        if (std::exchange(advance_, false)) ++*next_;
        if (*next_ == std::ranges::end(range_)) {
          input_over_ = true;
          return;
        }
        chunk.copies.push_back(**next_);
        if (left_in_range_ != kUnknown) --left_in_range_;
        advance_ = true;
      }
    }
  }

  static constexpr std::size_t kUnknown = detail::ChunkSize::kUnknown;

  Pool* pool_;
  R range_;
  const MapOptions options_;
  const bool copies_;
  detail::ChunkSize sizes_;
  std::shared_ptr<Shared> shared_;
  std::optional<std::ranges::iterator_t<R>> next_;
  std::size_t left_in_range_ = kUnknown;
  bool input_over_ = false;
  bool advance_ = false;
  std::exception_ptr input_error_;
  /// Submitted, and not taken.
  std::deque<std::shared_ptr<Chunk>> out_;
  std::size_t in_flight_ = 0;
  std::vector<std::shared_ptr<Chunk>> spare_;
  /// The chunk whose results are given, how many of it were, and how many of these were errors.
  std::shared_ptr<Chunk> current_;
  std::size_t at_ = 0;
  std::size_t failed_ = 0;
  bool at_end_ = false;
};

}  // namespace detail

/// The results of `ThreadPool::map`: an input range for plain threads, `next()` for tasks; for one consumer at a time.
/// A call that threw throws when its result is due; the results after it can still be had. An input that throws ends
/// the results, and its exception comes after the last of them; so does the refusal of a pool that was shut down
/// meanwhile. It may be moved before it is begun, and must not outlive the pool. An Executor of your own may give one,
/// too: it needs `submit` and `size`.
///
/// Destroying it before the end cancels the calls that have not begun, and those that run at their next wait. In a
/// plain thread it waits for these, because they look at the caller's range; on a loop the elements were copied, and
/// nothing is waited for.
template <class Pool, class F, std::ranges::input_range R>
class MapResults : public detail::MapRange<detail::MapState<Pool, F, R>> {
  using State = detail::MapState<Pool, F, R>;

 public:
  MapResults(Pool& pool, F f, R&& range, MapOptions options)
      : detail::MapRange<State>(std::make_unique<State>(pool, std::move(f), std::forward<R>(range), options)) {}
};

}  // namespace plait
