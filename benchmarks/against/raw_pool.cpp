// SPDX-License-Identifier: BSL-1.0
// By hand with std::thread. The limits of the fork rows are plain recursion, cut once into pieces that two threads take
// one after the other; calls go through a queue under a mutex.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "../idle.hpp"
#include "../measure.hpp"
#include "../workloads.hpp"

namespace {

/// Calls `piece(i)` for each i below `count` on two threads.
template <class F>
void share_out(int count, F piece) {
  std::atomic<int> next{0};
  const auto work = [&] {
    for (int i = next++; i < count; i = next++) piece(i);
  };
  std::thread other(work);
  work();
  other.join();
}

[[gnu::noinline]] long fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

void fib_in_pieces(benchmark::State& state) {
  for (auto _ : state) {
    // fib(n) = 8 fib(n - 5) + 5 fib(n - 6)
    std::atomic<long> sum{0};
    share_out(13, [&](int i) { sum += fib(bench::fib_n - (i < 8 ? 5 : 6)); });
    bench::expect(sum.load(), bench::fib_result);
  }
  bench::report_per_item(state, bench::fib_calls);
}
void fib_1(benchmark::State& state) {
  int n = bench::fib_n;
  for (auto _ : state) {
    benchmark::DoNotOptimize(n);  // clang would compute it once
    bench::expect(fib(n), bench::fib_result);
  }
  bench::report_per_item(state, bench::fib_calls);
}
BENCHMARK(fib_in_pieces)->Name("fib")->UseRealTime();
BENCHMARK(fib_1)->MeasureProcessCPUTime();

[[gnu::noinline]] std::int64_t skynet(std::int64_t first, std::int64_t leaves) {
  if (leaves == 1) return first;
  std::int64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += skynet(first + i * (leaves / 10), leaves / 10);
  return sum;
}

void skynet_in_pieces(benchmark::State& state) {
  for (auto _ : state) {
    std::atomic<std::int64_t> sum{0};
    share_out(10, [&](int i) { sum += skynet(i * (bench::skynet_leaves / 10), bench::skynet_leaves / 10); });
    bench::expect(sum.load(), bench::skynet_result);
  }
  bench::report_per_item(state, bench::skynet_tasks);
}
BENCHMARK(skynet_in_pieces)->Name("skynet")->UseRealTime();

[[gnu::noinline]] int place_queens(int row, const bench::Board& board) {
  if (row == bench::queens) return 1;
  int solutions = 0;
  for (int column = 0; column < bench::queens; ++column) {
    if (!bench::queen_fits(board, row, column)) continue;
    solutions += place_queens(row + 1, bench::with_queen(board, row, column));
  }
  return solutions;
}

void nqueens(benchmark::State& state) {
  for (auto _ : state) {
    std::atomic<int> solutions{0};
    share_out(bench::queens, [&](int i) { solutions += place_queens(1, bench::with_queen({}, 0, i)); });
    bench::expect(solutions.load(), bench::queens_result);
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(nqueens)->UseRealTime();

void multiply(const bench::Product& p) {
  if (p.size == bench::matrix_leaf) return bench::multiply_leaf(p);
  for (int inner : {0, 1}) {
    for (int quarter = 0; quarter < 4; ++quarter) multiply(p.part(quarter / 2, quarter % 2, inner));
  }
}

void matmul(benchmark::State& state) {
  bench::Matrices matrices;
  for (auto _ : state) {
    const bench::Product p = matrices.product();
    share_out(4, [&](int quarter) {
      for (int inner : {0, 1}) multiply(p.part(quarter / 2, quarter % 2, inner));
    });
  }
  matrices.check();
  bench::report_per_item(state, 1);
}
BENCHMARK(matmul)->UseRealTime();

class QueuePool {
 public:
  explicit QueuePool(int size) {
    for (int i = 0; i < size; ++i) threads_.emplace_back([this] { work(); });
  }
  ~QueuePool() {
    {
      const std::scoped_lock guard(lock_);
      closed_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  template <class F>
  std::future<long> submit(F f) {
    std::packaged_task<long()> task(std::move(f));
    std::future<long> result = task.get_future();
    {
      const std::scoped_lock guard(lock_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
    return result;
  }

 private:
  void work() {
    std::unique_lock guard(lock_);
    for (;;) {
      changed_.wait(guard, [this] { return closed_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      std::packaged_task<long()> task = std::move(tasks_.front());
      tasks_.pop_front();
      guard.unlock();
      task();
      guard.lock();
    }
  }

  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<long()>> tasks_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

void submit_outside(benchmark::State& state) {
  QueuePool pool(1);
  std::atomic<bool> stop{false};
  struct Chain {
    QueuePool& pool;
    std::atomic<bool>& stop;
    long operator()() const {
      if (!stop.load(std::memory_order_relaxed)) static_cast<void>(pool.submit(*this));
      return 0;
    }
  };
  static_cast<void>(pool.submit(Chain{pool, stop}));
  long value = 0;
  for (auto _ : state) value = pool.submit([value] { return value + 1; }).get();
  benchmark::DoNotOptimize(value);
  stop = true;
  bench::report_per_item(state, 1);
}
BENCHMARK(submit_outside)->Name("submit_outside_by_hand")->UseRealTime();

void submit_burst(benchmark::State& state) {
  QueuePool pool(bench::pool_threads);
  std::vector<std::future<long>> results;
  results.reserve(bench::burst);
  for (auto _ : state) {
    for (long i = 0; i < bench::burst; ++i) results.push_back(pool.submit([i] { return i + 1; }));
    long sum = 0;
    for (auto& result : results) sum += result.get();
    benchmark::DoNotOptimize(sum);
    results.clear();
  }
  bench::report_per_item(state, bench::burst);
}
BENCHMARK(submit_burst)->Name("submit_burst_by_hand")->UseRealTime();

/// Half of the range for each thread, the results in a vector, which the caller then reads.
void map_ints(benchmark::State& state) {
  const std::vector<int> values = bench::map_input();
  for (auto _ : state) {
    std::vector<long> results(values.size());
    share_out(2, [&](int half) {
      const std::size_t begin = half == 0 ? 0 : values.size() / 2, end = half == 0 ? values.size() / 2 : values.size();
      for (std::size_t i = begin; i < end; ++i) results[i] = bench::map_step(values[i]);
    });
    long sum = 0;
    for (long result : results) sum += result;
    benchmark::DoNotOptimize(sum);
  }
  bench::report_per_item(state, bench::map_items);
}
BENCHMARK(map_ints)->Name("map_ints_static_split")->UseRealTime();

void thread_create(benchmark::State& state) {
  long count = 0;
  for (auto _ : state) std::thread([&count] { ++count; }).join();
  benchmark::DoNotOptimize(count);
  bench::report_per_item(state, 1);
}
BENCHMARK(thread_create)->Name("thread_create_std_thread")->UseRealTime();

void pool_idle(benchmark::State& state) {
  QueuePool pool(bench::pool_threads);
  for (auto _ : state) {
    for (int i = 0; i < bench::batch; ++i) pool.submit([] { return 0L; }).get();
    state.counters["per_item"] = bench::wake_ups_of_others_a_second();
  }
}
BENCHMARK(pool_idle)->Name("pool_idle_by_hand")->Iterations(1);

}  // namespace
