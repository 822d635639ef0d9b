// The thread half of concurrent.futures: what 11_executors.cpp asks of a ThreadPool.
#include <plait/plait.hpp>

#undef NDEBUG
#include <cassert>
#include <numeric>
#include <vector>

using namespace std::chrono_literals;

long square(int x) { return long(x) * x; }

template <plait::Executor E>
long sum_of_squares(E& executor, const std::vector<int>& xs) {
  std::vector<plait::Future<long>> futures;
  for (int x : xs) futures.push_back(executor.submit(square, x));
  long sum = 0;
  for (auto& f : plait::as_completed(futures)) sum += f.result();  // in a task: while (auto* f = co_await done.next())

  long again = 0;  // map keeps order, and holds at most `buffersize` results in flight
  for (long v : executor.map(square, xs, {.chunksize = 16, .buffersize = 64})) again += v;
  assert(sum == again);
  return sum;
}

int main() {
  std::vector<int> xs(1000);
  std::iota(xs.begin(), xs.end(), 0);
  plait::ThreadPool threads(2);
  assert(sum_of_squares(threads, xs) == 332833500);

  auto first = threads.submit([] { plait::sync_wait(plait::sleep(1h)); });
  auto done = plait::sync_wait(plait::wait({.timeout = 10ms, .until = plait::Until::first_completed}, first)).done;
  assert(done.empty());
  first.cancel();  // reaches a running call at its next wait
  threads.shutdown({.cancel_futures = true});
}
