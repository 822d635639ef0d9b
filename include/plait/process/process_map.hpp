// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plait/core/executor.hpp"
#include "plait/core/future.hpp"
#include "plait/core/task.hpp"
#include "plait/os/throw_place.hpp"
#include "plait/process/portable_call.hpp"
#include "plait/process/remote_error.hpp"
#include "plait/sched/run.hpp"
#include "plait/sync/queue.hpp"
#include "plait/thread/chunk_size.hpp"
#include "plait/thread/map_range.hpp"

namespace plait {

class ProcessPool;

namespace detail {

/// What a chunk of a map gives: the values, and which of the elements have an error instead, in order.
template <class Value>
struct ChunkResults {
  struct Failure {
    std::size_t at;
    std::exception_ptr error;
    std::vector<const void*> frames = {};
  };
  std::vector<Value> values;
  std::vector<Failure> errors;
  Duration took{};

  void encode(Encoder& out) const {
    out.raw(took);
    Codec<std::vector<Value>>::write(out, values);
    out.raw(errors.size());
    for (const Failure& each : errors) {
      out.raw(each.at);
      write_error(out, each.error, "map", each.frames);
    }
  }
  static ChunkResults decode(Decoder& in) {
    ChunkResults results;
    results.took = in.raw<Duration>();
    results.values = Codec<std::vector<Value>>::read(in);
    for (std::size_t left = in.count(); left > 0; --left) {
      const auto at = in.raw<std::size_t>();
      results.errors.push_back({at, read_error(in)});
    }
    return results;
  }
};

/// Calls `f` for each element of a chunk, in another process.
struct MapChunk {
  template <class F, class Element>
  auto operator()(F f, std::vector<Element> elements) const {
    using Raw = std::invoke_result_t<F&, Element&&>;
    ChunkResults<std::conditional_t<std::is_void_v<Raw>, std::monostate, std::decay_t<Raw>>> results;
    const TimePoint begin = now();
    results.values.reserve(elements.size());
    for (std::size_t at = 0; at < elements.size(); ++at) {
      try {
        if constexpr (std::is_void_v<Raw>) {
          std::invoke(f, std::move(elements[at]));
          results.values.emplace_back();
        } else {
          results.values.push_back(std::invoke(f, std::move(elements[at])));
        }
      } catch (const os::ThrowPlace&) {
        __builtin_unreachable();
      } catch (...) {
        const std::span<const void* const> frames = os::thrown_from();
        results.errors.push_back({at, std::current_exception(), {frames.begin(), frames.end()}});
      }
    }
    results.took = now() - begin;
    return results;
  }
};

/// A `map` of a pool of processes on its way; see ProcessMapResults. Stays where it is.
template <class F, std::ranges::input_range R>
class ProcessMapState {
  friend class MapRange<ProcessMapState>;
  using Element = std::ranges::range_value_t<R>;
  static_assert(std::is_invocable_v<F&, Element&&>, "map(f, range): f can't be called with an element of the range.");
  using Raw = std::invoke_result_t<F&, Element&&>;
  using Value = std::conditional_t<std::is_void_v<Raw>, std::monostate, std::decay_t<Raw>>;
  using Results = detail::ChunkResults<Value>;

  struct Chunk {
    std::size_t size = 0;
    Future<Results> future;
  };
  using Done = Queue<std::shared_ptr<Chunk>>;

 public:
  template <class Pool>
  ProcessMapState(Pool& pool, F f, R range, MapOptions options)
      : submit_([&pool](const F& function, std::vector<Element> elements) {
          return pool.submit(detail::MapChunk{}, function, std::move(elements));
        }),
        f_(std::move(f)),
        range_(std::forward<R>(range)),
        ordered_(options.ordered),
        sizes_(options, pool.size()),
        done_(std::make_shared<Done>()) {
    if constexpr (std::ranges::sized_range<R>) left_in_range_ = std::ranges::size(range_);
    submit_chunks();
  }
  ProcessMapState(const ProcessMapState&) = delete;
  ProcessMapState& operator=(const ProcessMapState&) = delete;
  ~ProcessMapState() {
    for (auto& chunk : out_) chunk->future.cancel();
  }

  Task<std::optional<Value>> next() {
    while (at_ == current_size_) {
      if (!begin_next()) co_return std::nullopt;
      if (ordered_) {
        detail::FutureDone<Results> done(*out_.front()->future.state());
        co_await done;
        take(out_.front());
      } else {
        take(co_await done_->get());
      }
    }
    ++at_;
    throw_if_failed();
    co_return std::move(current());
  }
  std::size_t left() const noexcept
    requires std::ranges::sized_range<R>
  {
    return current_size_ - at_ + in_flight_ + left_in_range_;
  }

 private:
  static constexpr std::size_t kUnknown = detail::ChunkSize::kUnknown;

  bool at_end() const noexcept { return at_end_; }
  Value& current() noexcept { return current_.values[at_ - 1 - failed_]; }

  void step() {
    while (at_ == current_size_) {
      if (!begin_next()) {
        at_end_ = true;
        return;
      }
      // Who waits for a Future looks for results by itself.
      if (ordered_) {
        detail::FutureDone<Results>(*out_.front()->future.state()).wait_in_thread(detail::kNever);
        take(out_.front());
      } else {
        take(sync_wait(done_->get()));
      }
    }
    ++at_;
    throw_if_failed();
  }
  /// The chunk before is used up: more may be submitted. False at the end; throws what the input threw there.
  bool begin_next() {
    current_ = {};
    at_ = failed_ = current_size_ = 0;
    submit_chunks();
    if (!out_.empty()) return true;
    if (input_error_) std::rethrow_exception(std::exchange(input_error_, nullptr));
    return false;
  }
  void take(std::shared_ptr<Chunk> chunk) {
    std::erase(out_, chunk);
    in_flight_ -= chunk->size;
    current_ = detail::FutureTake<Results>(*chunk->future.state()).take();
    sizes_.learn(chunk->size, current_.took);
    current_size_ = chunk->size;
  }
  void throw_if_failed() {
    if (failed_ == current_.errors.size() || current_.errors[failed_].at != at_ - 1) [[likely]]
      return;
    std::rethrow_exception(current_.errors[failed_++].error);
  }

  void submit_chunks() {
    while (!input_over_) {
      const std::size_t size = sizes_.next(in_flight_, left_in_range_);
      if (size == 0) return;
      std::vector<Element> elements;
      try {
        fill(elements, size);
      } catch (...) {
        input_error_ = std::current_exception();
        input_over_ = true;
      }
      if (elements.empty()) return;
      auto chunk = std::make_shared<Chunk>();
      chunk->size = elements.size();
      try {
        chunk->future = submit_(f_, std::move(elements));
      } catch (...) {
        input_over_ = true;
        if (out_.empty()) throw;
        input_error_ = std::current_exception();
        return;
      }
      in_flight_ += chunk->size;
      out_.push_back(chunk);
      if (ordered_) continue;
      const auto tell = [done = done_, chunk] { static_cast<void>(done->try_put(chunk)); };
      chunk->future.add_done_callback(tell);
    }
  }
  void fill(std::vector<Element>& elements, std::size_t size) {
    if (!next_) next_.emplace(std::ranges::begin(range_));
    elements.reserve(left_in_range_ == kUnknown ? 0 : std::min(size, left_in_range_));
    while (elements.size() < size) {
      // Not before the next element is wanted: the input may wait for it.
      if (std::exchange(advance_, false)) ++*next_;
      if (*next_ == std::ranges::end(range_)) {
        input_over_ = true;
        return;
      }
      elements.push_back(**next_);
      if (left_in_range_ != kUnknown) --left_in_range_;
      advance_ = true;
    }
  }

  std::function<Future<Results>(const F&, std::vector<Element>)> submit_;
  F f_;
  R range_;
  const bool ordered_;
  detail::ChunkSize sizes_;
  /// Unless the order is kept: chunks as they come.
  std::shared_ptr<Done> done_;
  std::optional<std::ranges::iterator_t<R>> next_;
  std::size_t left_in_range_ = kUnknown;
  bool input_over_ = false;
  bool advance_ = false;
  std::exception_ptr input_error_;
  /// Submitted, and not taken.
  std::deque<std::shared_ptr<Chunk>> out_;
  std::size_t in_flight_ = 0;
  /// The chunk whose results are given, how many of it were, and how many of these were errors.
  Results current_;
  std::size_t current_size_ = 0;
  std::size_t at_ = 0;
  std::size_t failed_ = 0;
  bool at_end_ = false;
};

}  // namespace detail

/// The results of `ProcessPool::map`: an input range for plain threads, `next()` for tasks; for one consumer at a time.
/// A call that threw throws when its result is due; the results after it can still be had. A chunk whose process died
/// throws WorkerDied once, for all of it. An input that throws ends the results, and its exception comes after the last
/// of them; so does the refusal of a pool that was shut down meanwhile. It may be moved before it is begun. Destroying
/// it before the end cancels what is still to come.
template <class F, std::ranges::input_range R>
class ProcessMapResults : public detail::MapRange<detail::ProcessMapState<F, R>> {
  using State = detail::ProcessMapState<F, R>;

 public:
  template <class Pool>
  ProcessMapResults(Pool& pool, F f, R&& range, MapOptions options)
      : detail::MapRange<State>(std::make_unique<State>(pool, std::move(f), std::forward<R>(range), options)) {}
};

}  // namespace plait
