// SPDX-License-Identifier: BSL-1.0
// What processes share, beside the raw limit of each in the same run.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>

#include "measure.hpp"
#include "plait/plait.hpp"
#include "plait/process/shared_lock.hpp"
#include "plait/process/shared_queue.hpp"

namespace plait {
namespace {

using Message = std::array<char, 64>;

template <class T>
T& shared_memory() {
  void* place = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  return *new (place) T;
}

void pin(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

/// A child process on the second processor; killed at the end.
class Child {
 public:
  template <class F>
  explicit Child(F f) : id_(::fork()) {
    if (id_ == 0) {
      pin(1);
      std::thread(f).join();
      ::_exit(0);
    }
    pin(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }

 private:
  pid_t id_;
};

void lock_shared(benchmark::State& state) {
  shared::Lock lock;
  for (auto _ : state) {
    lock.lock();
    lock.unlock();
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(lock_shared);

void lock_robust_pthread(benchmark::State& state) {
  auto& mutex = shared_memory<pthread_mutex_t>();
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&mutex, &attributes);
  for (auto _ : state) {
    ::pthread_mutex_lock(&mutex);
    ::pthread_mutex_unlock(&mutex);
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(lock_robust_pthread);

void lock_shared_by_two(benchmark::State& state) {
  shared::Lock lock;
  Child other([=] {
    for (;;) std::scoped_lock guard(lock);
  });
  for (auto _ : state) std::scoped_lock guard(lock);
  bench::report_per_item(state, 1);
}
BENCHMARK(lock_shared_by_two)->UseRealTime();

void stream_queue(benchmark::State& state) {
  shared::Queue<Message> queue(4096);
  Child producer([=] {
    Message message{};
    for (;;) sync_wait(queue.put(message));
  });
  for (auto _ : state) benchmark::DoNotOptimize(sync_wait(queue.get()));
  bench::report_per_item(state, 1);
}
BENCHMARK(stream_queue)->UseRealTime();

/// One writer, one reader, no lock; both spin.
struct Ring {
  static constexpr std::uint64_t kSize = 4096;
  alignas(64) std::atomic<std::uint64_t> head{0};
  alignas(64) std::atomic<std::uint64_t> tail{0};
  alignas(64) Message slots[kSize];
};

void stream_raw_ring(benchmark::State& state) {
  auto& ring = shared_memory<Ring>();
  Child producer([&] {
    Message message{};
    std::uint64_t seen = 0;
    for (std::uint64_t i = 0;; ++i) {
      while (i - seen == Ring::kSize) seen = ring.head.load(std::memory_order_acquire);
      ring.slots[i % Ring::kSize] = message;
      ring.tail.store(i + 1, std::memory_order_release);
    }
  });
  std::uint64_t at = 0, seen = 0;
  for (auto _ : state) {
    while (at == seen) seen = ring.tail.load(std::memory_order_acquire);
    Message message = ring.slots[at % Ring::kSize];
    benchmark::DoNotOptimize(message);
    ring.head.store(++at, std::memory_order_release);
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(stream_raw_ring)->UseRealTime();

void stream_pipe(benchmark::State& state) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return state.SkipWithError("no pipe");
  Child producer([&] {
    Message message{};
    while (::write(ends[1], &message, sizeof message) > 0) {
    }
  });
  Message message;
  for (auto _ : state) benchmark::DoNotOptimize(::read(ends[0], &message, sizeof message));
  ::close(ends[0]);
  ::close(ends[1]);
  bench::report_per_item(state, 1);
}
BENCHMARK(stream_pipe)->UseRealTime();

void round_trip_queue(benchmark::State& state) {
  shared::Queue<Message> there(16), back(16);
  Child echo([=] {
    for (;;) sync_wait(back.put(sync_wait(there.get())));
  });
  Message message{};
  for (auto _ : state) {
    sync_wait(there.put(message));
    benchmark::DoNotOptimize(sync_wait(back.get()));
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(round_trip_queue)->UseRealTime();

struct Box {
  alignas(64) std::atomic<std::uint32_t> full{0};
  Message message;
};

void round_trip_raw_spin(benchmark::State& state) {
  auto& there = shared_memory<Box>();
  auto& back = shared_memory<Box>();
  const auto send = [](Box& box, const Message& message) {
    box.message = message;
    box.full.store(1, std::memory_order_release);
  };
  const auto receive = [](Box& box) {
    while (box.full.load(std::memory_order_acquire) == 0) __builtin_ia32_pause();
    Message message = box.message;
    box.full.store(0, std::memory_order_release);
    return message;
  };
  Child echo([&] {
    for (;;) send(back, receive(there));
  });
  Message message{};
  for (auto _ : state) {
    send(there, message);
    benchmark::DoNotOptimize(receive(back));
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(round_trip_raw_spin)->UseRealTime();

void round_trip_queue_of_tasks(benchmark::State& state) {
  shared::Queue<Message> there(16), back(16);
  Child echo([=] {
    run([&]() -> Task<> {
      for (;;) {
        const Message message = co_await there.get();
        co_await back.put(message);
      }
    });
  });
  run([&]() -> Task<> {
    Message message{};
    for (auto _ : state) {
      co_await there.put(message);
      benchmark::DoNotOptimize(co_await back.get());
    }
  });
  bench::report_per_item(state, 1);
}
BENCHMARK(round_trip_queue_of_tasks)->UseRealTime();

}  // namespace
}  // namespace plait
