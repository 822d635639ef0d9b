// Progress bars round a range, round what tasks give as they end, and one advanced by hand from threads. On a terminal
// they show themselves on stderr; `show_progress | cat` still shows them, `show_progress 2>/dev/null` does not.
#include <plait/plait.hpp>

#include <cstdio>
#include <vector>

using namespace std::chrono_literals;

// A range: the total is its size.
int sum_of(const std::vector<int>& numbers) {
  int sum = 0;
  for (const int n : plait::progress(numbers, {.title = "numbers"})) {
    plait::sleep_for(2ms);
    sum += n;
  }
  return sum;
}

plait::Task<int> fetch(int page) {
  co_await plait::sleep(page * 5ms);
  co_return page;
}

// Results of tasks as they come: the same, with `next()`.
plait::Task<int> sum_of_pages() {
  std::vector<plait::Task<int>> tasks;
  for (int page = 1; page <= 50; ++page) tasks.push_back(fetch(page));
  auto results = plait::as_completed(std::move(tasks));
  auto shown = plait::progress(results, {.title = "pages"});
  int sum = 0;
  while (auto* result = co_await shown.next()) sum += co_await *result;
  co_return sum;
}

// By hand: three threads, one bar for all of them, and one each, which goes when its thread is done.
void download() {
  constexpr int kBlock = 4096, kBlocks = 60;
  plait::ProgressBar all({.title = "all files", .total = 3 * kBlocks * kBlock, .unit = "B", .unit_scale = 1024});
  const auto one = [&](const char* name) {
    plait::ProgressBar bar({.title = name, .total = kBlocks * kBlock, .unit = "B", .unit_scale = 1024, .leave = false});
    for (int i = 0; i < kBlocks; ++i) {
      plait::sleep_for(5ms);
      bar.advance(kBlock);
      all.advance(kBlock);
    }
  };
  plait::Thread a(one, "first"), b(one, "second"), c(one, "third");
  for (plait::Thread* thread : {&a, &b, &c}) thread->start();
  for (plait::Thread* thread : {&a, &b, &c}) thread->join();
}

int main() {
  std::printf("numbers: %d\n", sum_of(std::vector<int>(100, 1)));
  std::printf("pages: %d\n", plait::run(sum_of_pages()));
  download();
}
