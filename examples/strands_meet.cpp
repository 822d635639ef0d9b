// Two tasks and a thread share one Lock; a blocking call goes to a thread; all are awaited alike.
#include <plait/plait.hpp>

#include <cstdio>
#include <mutex>

using namespace std::chrono_literals;

plait::Lock lock;  // one Lock, for tasks and threads
int lines = 0;

plait::Task<> task(const char* name) {
  co_await plait::sleep(20ms);
  auto guard = co_await lock.guard();
  std::printf("%d: %s\n", ++lines, name);
}

void thread() {
  plait::sleep_for(10ms);
  std::scoped_lock guard(lock);
  std::printf("%d: a thread\n", ++lines);
}

plait::Task<> amain() {
  auto helper = plait::spawn_thread(thread);
  co_await plait::gather(task("a task"), task("another task"));
  co_await helper;
  std::printf("%d is the answer\n", co_await plait::to_thread([] { return 6 * 7; }));
}

int main() { plait::run(amain()); }
