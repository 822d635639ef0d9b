// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <ranges>
#include <vector>

#include "plait/core/future.hpp"

namespace plait {

/// How `map` cuts and holds back its work (Executor.map). Trivially destructible.
struct MapOptions {
  /// Elements that one call of a worker handles; 0: chosen by the library, so that a chunk is worth its way.
  std::size_t chunksize = 0;
  /// At most so many elements are taken from the input before their results have been given; 0: chosen by the library.
  std::size_t buffersize = 0;
  /// False: results come as they are done (imap_unordered).
  bool ordered = true;
};

namespace detail {

/// Functions that the concept is checked with.
int executor_probe(int) noexcept;

}  // namespace detail

/// Where calls are made: a pool of threads, of processes, or of your own. `e.submit(f, args…)` starts `f(args…)`, all
/// copied or moved, and gives the `Future` of its result; it does not wait for a free worker. `e.map(f, range,
/// MapOptions)` calls `f` for each element and gives the results as an input range for threads; what the pools of Plait
/// give has `next()` for tasks as well (MapResults, which your `map` may give, too). A Future that an Executor gave
/// away becomes done, whatever happens to the executor.
template <class E>
concept Executor = requires(E& e, std::vector<int>& range) {
  { e.submit(&detail::executor_probe, 1) } -> std::same_as<Future<int>>;
  requires std::ranges::input_range<decltype(e.map(&detail::executor_probe, range, MapOptions{}))>;
};

}  // namespace plait
