// SPDX-License-Identifier: BSL-1.0
// An executor as a user writes it, out of what is public; and what goes with every executor: as_completed, wait,
// callbacks, cancel, map in a thread and in a task, progress.
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/plait.hpp"

namespace plait {
namespace {

/// Calls are made one after the other, by one thread, which a queue feeds. Its end drops those that have not begun.
class Clerk {
 public:
  Clerk() { thread_.start(); }
  Clerk(const Clerk&) = delete;
  Clerk& operator=(const Clerk&) = delete;
  ~Clerk() {
    queue_.shutdown(true);
    thread_.join();
  }

  template <class F, class... Args>
  auto submit(F&& f, Args&&... args) {
    using R = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
    auto order = std::make_shared<Order<R>>();
    Future<R> future = order->promise.future();
    const std::weak_ptr<Order<R>> weak = order;
    order->promise.on_cancel([weak] {
      const auto cancelled = weak.lock();
      if (cancelled && !cancelled->claimed.exchange(true)) {
        cancelled->promise.set_error(std::make_exception_ptr(Cancelled{}));
      }
    });
    order->call = [f = std::forward<F>(f), args = std::make_tuple(std::forward<Args>(args)...)]() mutable -> R {
      return std::apply(std::move(f), std::move(args));
    };
    const std::function<void()> make = [order] { order->make(); };
    if (!queue_.try_put(make)) throw std::logic_error("this Clerk has gone home");
    return future;
  }
  template <class F, std::ranges::input_range R>
  auto map(F&& f, R&& range, MapOptions options = {}) {
    return MapResults<Clerk, std::decay_t<F>, R>(*this, std::forward<F>(f), std::forward<R>(range), options);
  }
  /// For `map`: how many calls are made at a time.
  int size() const noexcept { return 1; }

 private:
  template <class R>
  struct Order {
    Promise<R> promise;
    std::function<R()> call;
    std::atomic<bool> claimed{false};

    void make() {
      if (claimed.exchange(true)) return;
      try {
        if constexpr (std::is_void_v<R>) {
          call();
          promise.set_value();
        } else {
          promise.set_value(call());
        }
      } catch (...) {
        promise.set_error(std::current_exception());
      }
    }
  };

  void work() {
    const auto each = [this]() -> Task<> {
      while (auto make = co_await queue_.next()) (*make)();
    };
    sync_wait(each());
  }

  Queue<std::function<void()>> queue_;
  Thread thread_{{.name = "clerk"}, [this] { work(); }};
};
static_assert(Executor<Clerk> && Executor<ThreadPool> && Executor<ProcessPool>);

long square(int x) { return static_cast<long>(x) * x; }

std::vector<int> numbers(int n) {
  std::vector<int> xs(static_cast<std::size_t>(n));
  std::iota(xs.begin(), xs.end(), 0);
  return xs;
}

template <class E>
class AnyExecutor : public ::testing::Test {};
using Executors = ::testing::Types<Clerk, ThreadPool, ProcessPool>;
TYPED_TEST_SUITE(AnyExecutor, Executors);

TYPED_TEST(AnyExecutor, ServesAsCompletedAndWait) {
  TypeParam executor;
  std::vector<Future<long>> futures;
  for (const int x : numbers(100)) futures.push_back(executor.submit(square, x));
  EXPECT_EQ(sync_wait(wait({.until = Until::first_exception}, futures)).done.size(), 100u);
  long sum = 0;
  for (auto& future : progress(as_completed(futures), {.disable = true})) sum += future.result();
  EXPECT_EQ(sum, 328'350);
  run([&]() -> Task<> {
    auto completions = as_completed(futures);
    for (bool more = true; more;) {
      const auto* future = co_await completions.next();
      more = future != nullptr;
      if (more) sum -= co_await *future;
    }
    const Waited waited = co_await wait(futures);
    EXPECT_TRUE(waited.pending.empty());
  });
  EXPECT_EQ(sum, 0);
}

TYPED_TEST(AnyExecutor, ServesCallbacks) {
  std::atomic<long> sum{0};
  {
    TypeParam executor;
    std::vector<Future<long>> futures;
    for (const int x : numbers(10)) {
      futures.push_back(executor.submit(square, x));
      futures.back().add_done_callback([&](const Outcome<long>& outcome) { sum += outcome.result(); });
    }
    sync_wait(wait(futures));
  }
  EXPECT_EQ(sum, 285);
}

TYPED_TEST(AnyExecutor, ServesMapInAThreadAndInATask) {
  TypeParam executor;
  const std::vector<int> xs = numbers(50);
  for (const MapOptions options : {MapOptions{}, MapOptions{.chunksize = 7}, MapOptions{.buffersize = 3},
                                   MapOptions{.chunksize = 4, .ordered = false}}) {
    long sum = 0;
    for (const long y : executor.map(square, xs, options)) sum += y;
    run([&]() -> Task<> {
      auto results = executor.map(square, xs, options);
      while (auto y = co_await results.next()) sum -= *y;
    });
    EXPECT_EQ(sum, 0);
  }
}

TYPED_TEST(AnyExecutor, GivesTheErrorOfACall) {
  TypeParam executor;
  const auto fails = [](int) -> int { throw std::out_of_range("far"); };
  EXPECT_THROW(executor.submit(fails, 1).result(), std::out_of_range);
  EXPECT_EQ(executor.submit(square, 3).result(), 9);
}

TEST(UserExecutor, EndsEachFutureThatItGaveAway) {
  std::atomic<bool> begun{false}, go{false};
  Future<void> first;
  Future<long> cancelled, dropped;
  std::thread opener;
  {
    Clerk clerk;
    first = clerk.submit([&] {
      begun = true;
      while (!go) std::this_thread::yield();
    });
    while (!begun) std::this_thread::yield();
    cancelled = clerk.submit(square, 1);
    dropped = clerk.submit(square, 2);
    cancelled.cancel();
    EXPECT_TRUE(cancelled.cancelled());
    opener = std::thread([&] {
      while (!dropped.done()) std::this_thread::yield();
      go = true;
    });
  }
  opener.join();
  first.result();
  EXPECT_THROW(cancelled.result(), Cancelled);
  EXPECT_THROW(dropped.result(), std::logic_error);  // a broken promise
}

}  // namespace
}  // namespace plait
