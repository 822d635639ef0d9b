// SPDX-License-Identifier: BSL-1.0
// The limit for timers: a wheel of one-millisecond slots and a heap of four children a node, by hand, no tasks.
#include <sys/epoll.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "../measure.hpp"

namespace {

using Clock = std::chrono::steady_clock;

// Deadlines up to 65 s ahead; a bit says which slots may hold a timer.
class Wheel {
 public:
  struct Timer {
    Timer* previous;
    Timer* next;
  };

  Wheel() {
    for (auto& head : slots_) head.previous = head.next = &head;
  }
  bool empty() const { return live_ == 0; }
  void arm(Timer* timer, std::uint32_t milliseconds) {
    std::uint32_t index = (now_ + (milliseconds ? milliseconds : 1)) % size;
    Timer* head = &slots_[index];
    timer->previous = head->previous;
    timer->next = head;
    head->previous->next = timer;
    head->previous = timer;
    used_[index / 64] |= std::uint64_t{1} << (index % 64);
    ++live_;
  }
  void cancel(Timer* timer) {
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    --live_;
  }
  int milliseconds_to_next() const {
    for (std::uint32_t ahead = 1; ahead < size;) {
      std::uint32_t index = (now_ + ahead) % size;
      if (std::uint64_t word = used_[index / 64] >> (index % 64))
        return static_cast<int>(ahead) + std::countr_zero(word);
      ahead += 64 - index % 64;
    }
    return -1;
  }
  int advance_to(std::uint32_t now) {
    int fired = 0;
    while (now_ != now) {
      std::uint32_t index = ++now_ % size;
      std::uint64_t bit = std::uint64_t{1} << (index % 64);
      if (!(used_[index / 64] & bit)) continue;
      used_[index / 64] &= ~bit;
      for (Timer* head = &slots_[index]; head->next != head; ++fired) cancel(head->next);
    }
    return fired;
  }

 private:
  static constexpr std::uint32_t size = 1 << 16;
  std::vector<Timer> slots_ = std::vector<Timer>(size);
  std::vector<std::uint64_t> used_ = std::vector<std::uint64_t>(size / 64);
  std::uint32_t now_ = 0;
  int live_ = 0;
};

class Heap {
 public:
  struct Timer {
    std::uint32_t position;
  };

  void arm(Timer* timer, std::uint64_t deadline) {
    entries_.emplace_back(deadline, timer);
    move_up(entries_.size() - 1);
  }
  void cancel(Timer* timer) {
    std::size_t at = timer->position;
    Entry last = entries_.back();
    entries_.pop_back();
    if (at == entries_.size()) return;
    put(at, last);
    if (at && last.first < entries_[(at - 1) / 4].first)
      move_up(at);
    else
      move_down(at);
  }

 private:
  using Entry = std::pair<std::uint64_t, Timer*>;
  std::vector<Entry> entries_;

  void put(std::size_t at, Entry entry) {
    entries_[at] = entry;
    entry.second->position = static_cast<std::uint32_t>(at);
  }
  void move_up(std::size_t at) {
    Entry entry = entries_[at];
    for (; at && entry.first < entries_[(at - 1) / 4].first; at = (at - 1) / 4) put(at, entries_[(at - 1) / 4]);
    put(at, entry);
  }
  void move_down(std::size_t at) {
    Entry entry = entries_[at];
    for (;;) {
      std::size_t first = 4 * at + 1;
      if (first >= entries_.size()) break;
      std::size_t end = std::min(first + 4, entries_.size());
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child)
        if (entries_[child].first < entries_[least].first) least = child;
      if (entry.first <= entries_[least].first) break;
      put(at, entries_[least]);
      at = least;
    }
    put(at, entry);
  }
};

void timer_arm_cancel(benchmark::State& state) {
  auto delays = bench::random_delays(bench::live_timers);
  std::vector<Wheel::Timer> timers(bench::live_timers);
  Wheel wheel;
  for (auto _ : state) {
    for (std::size_t i = 0; i < timers.size(); ++i) wheel.arm(&timers[i], 10'000 + delays[i] / 2);
    for (auto& timer : timers) wheel.cancel(&timer);
  }
  bench::report_per_item(state, bench::live_timers);
}
BENCHMARK(timer_arm_cancel)->MeasureProcessCPUTime();

void timer_arm_cancel_heap(benchmark::State& state) {
  auto delays = bench::random_delays(bench::live_timers);
  std::vector<Heap::Timer> timers(bench::live_timers);
  Heap heap;
  for (auto _ : state) {
    for (std::size_t i = 0; i < timers.size(); ++i)
      heap.arm(&timers[i], 10'000'000'000 + delays[i] * std::uint64_t{500'000});
    for (auto& timer : timers) heap.cancel(&timer);
  }
  bench::report_per_item(state, bench::live_timers);
}
BENCHMARK(timer_arm_cancel_heap)->Name("timer_arm_cancel/4-ary-heap")->MeasureProcessCPUTime();

void sleepers(benchmark::State& state) {
  auto delays = bench::random_delays(bench::sleepers);
  std::vector<Wheel::Timer> timers(bench::sleepers);
  int poller = ::epoll_create1(0);
  for (auto _ : state) {
    Wheel wheel;
    int fired = 0;
    auto begin = Clock::now();
    for (std::size_t i = 0; i < timers.size(); ++i) wheel.arm(&timers[i], (delays[i] + 999) / 1000);
    while (!wheel.empty()) {
      epoll_event event;
      ::epoll_wait(poller, &event, 1, wheel.milliseconds_to_next());
      auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
      fired += wheel.advance_to(static_cast<std::uint32_t>(passed.count()));
    }
    if (fired != bench::sleepers) std::abort();
  }
  ::close(poller);
  bench::report_per_item(state, 1);
}
BENCHMARK(sleepers)->MeasureProcessCPUTime();

}  // namespace
