// SPDX-License-Identifier: BSL-1.0
// The limit for posting and for handing over between threads: the data structure and the system call, no library.
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <semaphore>
#include <thread>
#include <vector>

#include "../measure.hpp"

namespace {

void increment(void* count) {
  ++*static_cast<std::uint64_t*>(count);
  benchmark::ClobberMemory();
}

struct CallRing {
  struct Call {
    void (*function)(void*);
    void* argument;
  };
  static constexpr std::uint32_t capacity = 1 << 12;
  std::vector<Call> slots = std::vector<Call>(capacity);
  std::uint32_t head = 0;
  std::uint32_t tail = 0;

  void post(void (*function)(void*), void* argument) { slots[tail++ & (capacity - 1)] = {function, argument}; }
  void run() {
    while (head != tail) {
      Call call = slots[head++ & (capacity - 1)];
      call.function(call.argument);
    }
  }
};

void post_same_thread(benchmark::State& state) {
  CallRing ring;
  std::uint64_t count = 0;
  for (auto _ : state) {
    for (int i = 0; i < bench::batch; ++i) ring.post(increment, &count);
    ring.run();
  }
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(post_same_thread)->MeasureProcessCPUTime();

// Many writers push on a list, the reader takes all of it; only the first push on an empty list wakes.
struct Inbox {
  struct Call {
    Call* next;
    void (*function)(void*);
    void* argument;
  };
  std::atomic<Call*> newest{nullptr};
  int wake = ::eventfd(0, 0);
  int poller = ::epoll_create1(0);

  Inbox() {
    epoll_event event{.events = EPOLLIN, .data = {}};
    ::epoll_ctl(poller, EPOLL_CTL_ADD, wake, &event);
  }
  ~Inbox() {
    ::close(poller);
    ::close(wake);
  }
  void post(Call* call) {
    Call* before = newest.load(std::memory_order_relaxed);
    do call->next = before;
    while (!newest.compare_exchange_weak(before, call, std::memory_order_release, std::memory_order_relaxed));
    std::uint64_t one = 1;
    if (!before && ::write(wake, &one, sizeof one) < 0) std::abort();
  }
  int wait_and_run() {
    epoll_event event;
    std::uint64_t wakes;
    ::epoll_wait(poller, &event, 1, -1);
    if (::read(wake, &wakes, sizeof wakes) < 0) std::abort();
    Call* taken = newest.exchange(nullptr, std::memory_order_acquire);
    Call* oldest = nullptr;
    while (taken) {
      Call* next = taken->next;
      taken->next = oldest;
      oldest = taken;
      taken = next;
    }
    int count = 0;
    for (; oldest; ++count) {
      Call* next = oldest->next;
      oldest->function(oldest->argument);
      oldest = next;
    }
    return count;
  }
};

void post_other_thread(benchmark::State& state) {
  Inbox inbox;
  std::uint64_t count = 0;
  std::vector<Inbox::Call> calls(bench::posts);
  std::binary_semaphore go{0};
  std::atomic<bool> stop{false};
  bench::pin_to(0);
  std::thread poster([&] {
    bench::pin_to(1);
    for (;;) {
      go.acquire();
      if (stop) return;
      for (auto& call : calls) {
        call.function = increment;
        call.argument = &count;
        inbox.post(&call);
      }
    }
  });
  for (auto _ : state) {
    go.release();
    for (int ran = 0; ran < bench::posts;) ran += inbox.wait_and_run();
  }
  stop = true;
  go.release();
  poster.join();
  bench::report_per_item(state, bench::posts);
}
BENCHMARK(post_other_thread)->UseRealTime();

struct FutexFlag {
  std::atomic<int> word{0};
  void release() {
    word.store(1, std::memory_order_release);
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void acquire() {
    while (word.load(std::memory_order_acquire) == 0)
      ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    word.store(0, std::memory_order_relaxed);
  }
};

// What two threads that never sleep can reach; it burns a core while it waits.
struct SpinFlag {
  std::atomic<int> word{0};
  void release() { word.store(1, std::memory_order_release); }
  void acquire() {
    while (word.load(std::memory_order_acquire) == 0) __builtin_ia32_pause();
    word.store(0, std::memory_order_relaxed);
  }
};

struct StandardSemaphore : std::binary_semaphore {
  StandardSemaphore() : std::binary_semaphore(0) {}
};

template <class Flag>
void hand_over(benchmark::State& state) {
  Flag there;
  Flag back;
  std::atomic<bool> stop{false};
  bench::pin_to(0);
  std::thread partner([&] {
    bench::pin_to(1);
    for (;;) {
      there.acquire();
      if (stop) return;
      back.release();
    }
  });
  for (auto _ : state) {
    there.release();
    back.acquire();
  }
  stop = true;
  there.release();
  partner.join();
  bench::report_per_item(state, 1);
}
BENCHMARK(hand_over<SpinFlag>)->Name("hand_over")->UseRealTime();
BENCHMARK(hand_over<FutexFlag>)->Name("hand_over/futex")->UseRealTime();
BENCHMARK(hand_over<StandardSemaphore>)->Name("hand_over/std::binary_semaphore")->UseRealTime();

}  // namespace
