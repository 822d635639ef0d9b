// SPDX-License-Identifier: BSL-1.0
// The work of the rows about pools, so that every program forks round the same leaves.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <vector>

namespace bench {

inline constexpr int pool_threads = 2;  ///< Threads of the pools of all rows but `fib_1`.

// ---- fib ----

inline constexpr int fib_n = 35;
inline constexpr long fib_result = 9'227'465;
/// How often a fib calls itself: its tasks.
inline constexpr std::int64_t fib_calls = 2 * 14'930'352 - 1;

// ---- skynet ----

inline constexpr std::int64_t skynet_leaves = 1'000'000;
inline constexpr std::int64_t skynet_tasks = 1'111'111;
inline constexpr std::int64_t skynet_result = skynet_leaves * (skynet_leaves - 1) / 2;

// ---- nqueens ----

inline constexpr int queens = 12;
inline constexpr int queens_result = 14'200;

/// The columns of the queens so far.
using Board = std::array<signed char, queens>;

/// Whether a queen may stand in `column` of row `row`.
inline bool queen_fits(const Board& board, int row, int column) {
  for (int i = 0; i < row; ++i) {
    const int apart = board[static_cast<std::size_t>(i)] - column;
    if (apart == 0 || apart == row - i || apart == i - row) return false;
  }
  return true;
}
inline Board with_queen(Board board, int row, int column) {
  board[static_cast<std::size_t>(row)] = static_cast<signed char>(column);
  return board;
}

// ---- matmul ----

inline constexpr int matrix_size = 1024;
inline constexpr int matrix_leaf = 32;

/// c += a * b, square blocks of matrices whose rows are `matrix_size` long.
struct Product {
  const int* a;
  const int* b;
  int* c;
  int size;

  /// One of the eight products of the four blocks, of which `row`, `column` and `inner` are bits.
  Product part(int row, int column, int inner) const {
    const int half = size / 2;
    return {a + (row * matrix_size + inner) * half, b + (inner * matrix_size + column) * half,
            c + (row * matrix_size + column) * half, half};
  }
};

#if defined(__x86_64__)
[[gnu::target("avx2")]]
#endif
inline void multiply_leaf(const Product& p) {
  // Two rows of c stay in registers. Written out, as -O2 does not unroll loops.
  using Ints [[gnu::vector_size(32), gnu::may_alias]] = int;
  static_assert(matrix_leaf == 32);
  for (int i = 0; i < matrix_leaf; i += 2) {
    auto* upper = reinterpret_cast<Ints*>(p.c + i * matrix_size);
    auto* lower = reinterpret_cast<Ints*>(p.c + (i + 1) * matrix_size);
    Ints u0 = upper[0], u1 = upper[1], u2 = upper[2], u3 = upper[3];
    Ints l0 = lower[0], l1 = lower[1], l2 = lower[2], l3 = lower[3];
    for (int k = 0; k < matrix_leaf; ++k) {
      const auto* line = reinterpret_cast<const Ints*>(p.b + k * matrix_size);
      const int u = p.a[i * matrix_size + k], l = p.a[(i + 1) * matrix_size + k];
      u0 += u * line[0], u1 += u * line[1], u2 += u * line[2], u3 += u * line[3];
      l0 += l * line[0], l1 += l * line[1], l2 += l * line[2], l3 += l * line[3];
    }
    upper[0] = u0, upper[1] = u1, upper[2] = u2, upper[3] = u3;
    lower[0] = l0, lower[1] = l1, lower[2] = l2, lower[3] = l3;
  }
}

class Matrices {
 public:
  Product product() {
    std::ranges::fill(c_.values, 0);
    return {a_.values, b_.values, c_.values, matrix_size};
  }
  void check() const {
    if (std::ranges::count(c_.values, 2 * matrix_size) != matrix_size * matrix_size) std::abort();
  }

 private:
  struct alignas(64) Matrix {
    explicit Matrix(int value) { std::ranges::fill(values, value); }
    int values[matrix_size * matrix_size];
  };
  struct Three {
    Matrix a{1}, b{2}, c{0};
  };
  std::unique_ptr<Three> three_ = std::make_unique<Three>();
  Matrix &a_ = three_->a, &b_ = three_->b, &c_ = three_->c;
};

// ---- submit and map ----

inline constexpr int burst = 100'000;

inline constexpr std::size_t map_items = 10'000'000;
/// Some 10 ns of work.
inline long map_step(int value) {
  auto x = static_cast<std::uint64_t>(value) + 1;
  for (int i = 0; i < 8; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  return static_cast<long>(x & 0xFFFF);
}
inline std::vector<int> map_input() {
  std::vector<int> values(map_items);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

/// Ends the program if a program under measurement is wrong.
template <class T>
void expect(T got, T wanted) {
  if (got != wanted) std::abort();
}

}  // namespace bench
