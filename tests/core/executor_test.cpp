// SPDX-License-Identifier: BSL-1.0
#include "plait/core/executor.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/core/promise.hpp"

namespace plait {
namespace {

/// What a user writes: calls are made at once, by whoever submits them.
class InlineExecutor {
 public:
  template <class F, class... Args>
  auto submit(F&& f, Args&&... args) {
    using R = std::invoke_result_t<F, Args...>;
    Promise<R> promise;
    Future<R> future = promise.future();
    try {
      if constexpr (std::is_void_v<R>) {
        std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
        promise.set_value();
      } else {
        promise.set_value(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
      }
    } catch (...) {
      promise.set_error(std::current_exception());
    }
    return future;
  }
  template <class F, std::ranges::input_range R>
  auto map(F f, R& range, MapOptions = {}) {
    return std::views::transform(range, std::move(f));
  }
};
static_assert(Executor<InlineExecutor>);

struct NoMap {
  template <class F, class... Args>
  Future<std::invoke_result_t<F, Args...>> submit(F, Args...);
};
static_assert(!Executor<NoMap>);
struct GivesValues {
  int submit(int (*)(int), int);
  template <class F>
  std::vector<int> map(F, std::vector<int>&, MapOptions);
};
static_assert(!Executor<GivesValues>);
static_assert(!Executor<int>);

int twice(int x) { return 2 * x; }

template <Executor E>
int sum(E& executor, std::vector<int>& xs) {
  int all = 0;
  for (const int x : xs) all += executor.submit(&twice, x).result();
  for (const int y : executor.map(&twice, xs, {.chunksize = 2})) all += y;
  return all;
}

TEST(Executor, IsWhatAUserMayWrite) {
  InlineExecutor executor;
  std::vector<int> xs{1, 2, 3};
  EXPECT_EQ(sum(executor, xs), 24);
}

}  // namespace
}  // namespace plait
