// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <cstdint>
#include <plait/plait.hpp>
#include <ranges>
#include <vector>

#include "measure.hpp"
#include "workloads.hpp"

namespace {

using plait::gather;
using plait::Task;

Task<long> fib(int n) {
  if (n < 2) co_return n;
  auto [a, b] = co_await gather(fib(n - 1), fib(n - 2));
  co_return a + b;
}

void fib_with(benchmark::State& state, int threads) {
  plait::ThreadPool pool(threads);
  for (auto _ : state) bench::expect(pool.run(fib(bench::fib_n)), bench::fib_result);
  bench::report_per_item(state, bench::fib_calls);
}
void fib_2(benchmark::State& state) { fib_with(state, bench::pool_threads); }
void fib_1(benchmark::State& state) { fib_with(state, 1); }
BENCHMARK(fib_2)->Name("fib")->UseRealTime();
BENCHMARK(fib_1)->MeasureProcessCPUTime();

Task<std::int64_t> skynet(std::int64_t first, std::int64_t leaves) {
  if (leaves == 1) co_return first;
  const std::int64_t each = leaves / 10;
  auto [a, b, c, d, e, f, g, h, i, j] = co_await gather(
      skynet(first, each), skynet(first + each, each), skynet(first + 2 * each, each), skynet(first + 3 * each, each),
      skynet(first + 4 * each, each), skynet(first + 5 * each, each), skynet(first + 6 * each, each),
      skynet(first + 7 * each, each), skynet(first + 8 * each, each), skynet(first + 9 * each, each));
  co_return a + b + c + d + e + f + g + h + i + j;
}
Task<std::int64_t> skynet_of_range(std::int64_t first, std::int64_t leaves) {
  if (leaves == 1) co_return first;
  const std::int64_t each = leaves / 10;
  auto children = std::views::iota(0, 10) |
                  std::views::transform([first, each](int i) { return skynet_of_range(first + i * each, each); });
  std::int64_t sum = 0;
  for (std::int64_t part : co_await gather(children)) sum += part;
  co_return sum;
}

void skynet_with(benchmark::State& state, Task<std::int64_t> root(std::int64_t, std::int64_t)) {
  plait::ThreadPool pool(bench::pool_threads);
  for (auto _ : state) bench::expect(pool.run(root(0, bench::skynet_leaves)), bench::skynet_result);
  bench::report_per_item(state, bench::skynet_tasks);
}
void skynet_explicit(benchmark::State& state) { skynet_with(state, skynet); }
void skynet_range(benchmark::State& state) { skynet_with(state, skynet_of_range); }
BENCHMARK(skynet_explicit)->Name("skynet")->UseRealTime();
BENCHMARK(skynet_range)->Name("skynet/range")->UseRealTime();

Task<int> place_queens(int row, bench::Board board) {
  if (row == bench::queens) co_return 1;
  std::vector<Task<int>> children;
  children.reserve(bench::queens);
  for (int column = 0; column < bench::queens; ++column) {
    if (bench::queen_fits(board, row, column)) {
      children.push_back(place_queens(row + 1, bench::with_queen(board, row, column)));
    }
  }
  int solutions = 0;
  for (int part : co_await gather(std::move(children))) solutions += part;
  co_return solutions;
}
Task<> place_queens_into(int row, bench::Board board, int& solutions) {
  if (row == bench::queens) {
    solutions = 1;
    co_return;
  }
  std::array<int, bench::queens> parts{};
  auto children = std::views::iota(0, bench::queens) |
                  std::views::filter([&](int column) { return bench::queen_fits(board, row, column); }) |
                  std::views::transform([&](int column) {
                    return place_queens_into(row + 1, bench::with_queen(board, row, column),
                                             parts[static_cast<std::size_t>(column)]);
                  });
  co_await gather(children);
  for (int part : parts) solutions += part;
}

void nqueens(benchmark::State& state) {
  plait::ThreadPool pool(bench::pool_threads);
  for (auto _ : state) bench::expect(pool.run(place_queens(0, {})), bench::queens_result);
  bench::report_per_item(state, 1);
}
void nqueens_range(benchmark::State& state) {
  plait::ThreadPool pool(bench::pool_threads);
  for (auto _ : state) {
    int solutions = 0;
    pool.run(place_queens_into(0, {}, solutions));
    bench::expect(solutions, bench::queens_result);
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(nqueens)->UseRealTime();
BENCHMARK(nqueens_range)->Name("nqueens/range")->UseRealTime();

Task<> multiply(bench::Product p) {
  if (p.size == bench::matrix_leaf) {
    bench::multiply_leaf(p);
    co_return;
  }
  for (int inner : {0, 1}) {
    co_await gather(multiply(p.part(0, 0, inner)), multiply(p.part(0, 1, inner)), multiply(p.part(1, 0, inner)),
                    multiply(p.part(1, 1, inner)));
  }
}

void matmul(benchmark::State& state) {
  plait::ThreadPool pool(bench::pool_threads);
  bench::Matrices matrices;
  for (auto _ : state) pool.run(multiply(matrices.product()));
  matrices.check();
  bench::report_per_item(state, 1);
}
BENCHMARK(matmul)->UseRealTime();

}  // namespace
