// SPDX-License-Identifier: BSL-1.0
//
// What a progress bar costs the loop it shows: each loop with the bar and without, in turns, so that both see the same
// machine, and the ratio of the two as the counter `cost`. The terminal is /dev/null that says it is one.
#include <fcntl.h>
#include <unistd.h>
#include <algorithm>

#include <plait/io/progress.hpp>
#include <plait/plait.hpp>
#include <vector>

#include "io/progress_screen.hpp"
#include "measure.hpp"

namespace {

class Null final : public plait::detail::ProgressTarget {
 public:
  bool is_terminal() noexcept override { return on; }
  Look look() noexcept override { return {}; }
  void write(std::string_view text) noexcept override {
    [[maybe_unused]] const auto written = ::write(file_, text.data(), text.size());
  }
  bool on = true;

 private:
  int file_ = ::open("/dev/null", O_WRONLY);
};
Null null;
plait::detail::ProgressScreen screen(null);

/// Work of about `units` nanoseconds that the compiler can't see through.
inline void work(std::uint64_t& state, int units) {
  for (int i = 0; i < units; ++i) state = state * 6364136223846793005U + 1442695040888963407U;
  benchmark::DoNotOptimize(state);
}

double seconds_of(auto&& loop) {
  const auto start = std::chrono::steady_clock::now();
  loop();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// `bare` and `shown` go through the same items. The counter is the middle one of the ratios of neighbours.
void compare(benchmark::State& state, std::int64_t items, auto&& bare, auto&& shown) {
  plait::detail::ProgressScreen* before = plait::detail::ProgressScreen::replace(&screen);
  std::vector<double> ratios;
  for (auto _ : state) {
    const double a = seconds_of(bare);
    const double b = seconds_of(shown);
    state.SetIterationTime(b);
    ratios.push_back(b / a);
  }
  plait::detail::ProgressScreen::replace(before);
  std::ranges::sort(ratios);
  state.counters["cost"] = ratios[ratios.size() / 2] - 1;
  bench::report_per_item(state, items);
}

/// Over a vector, with work of so many units an item.
void vector_loop(benchmark::State& state, bool on) {
  const int units = static_cast<int>(state.range(0));
  std::vector<int> items(static_cast<std::size_t>(200'000'000 / (units + 1)));
  null.on = on;
  std::uint64_t x = 1;
  compare(
      state, static_cast<std::int64_t>(items.size()),
      [&] {
        for (const int& item : items) work(x, units + item);
      },
      [&] {
        for (const int& item : plait::progress(items, {.leave = false})) work(x, units + item);
      });
}
void progress_vector(benchmark::State& state) { vector_loop(state, true); }
void progress_vector_no_terminal(benchmark::State& state) { vector_loop(state, false); }
BENCHMARK(progress_vector)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseManualTime()->Iterations(11);
BENCHMARK(progress_vector_no_terminal)->Arg(1)->Arg(10)->UseManualTime()->Iterations(11);

plait::Generator<int> numbers(int n) {
  for (int i = 0; i < n; ++i) co_yield i;
}

/// Over a generator, whose end is not known.
void progress_generator(benchmark::State& state) {
  const int units = static_cast<int>(state.range(0));
  const int items = 200'000'000 / (units + 5);
  null.on = true;
  std::uint64_t x = 1;
  compare(
      state, items,
      [&] {
        for (const int item : numbers(items)) work(x, units + (item & 0));
      },
      [&] {
        for (const int item : plait::progress(numbers(items), {.leave = false})) work(x, units + (item & 0));
      });
}
BENCHMARK(progress_generator)->Arg(1)->Arg(10)->Arg(100)->UseManualTime()->Iterations(11);

/// One bar advanced by hand, one item at a time.
void progress_bar_advance(benchmark::State& state) {
  const int units = static_cast<int>(state.range(0));
  const int items = 200'000'000 / (units + 5);
  null.on = true;
  std::uint64_t x = 1;
  compare(
      state, items,
      [&] {
        for (int i = 0; i < items; ++i) work(x, units);
      },
      [&] {
        plait::ProgressBar bar({.total = items, .leave = false});
        for (int i = 0; i < items; ++i) {
          work(x, units);
          bar.advance();
        }
      });
}
BENCHMARK(progress_bar_advance)->Arg(100)->Arg(1000)->UseManualTime()->Iterations(11);

}  // namespace
