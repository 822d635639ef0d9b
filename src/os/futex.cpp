// SPDX-License-Identifier: BSL-1.0
#include "plait/os/futex.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>

namespace plait::os {

static_assert(sizeof(Atomic<std::uint32_t>) == sizeof(std::uint32_t));

namespace {

timespec as_timespec(TimePoint time) noexcept {
  const auto ns = time.time_since_epoch().count();
  return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

/// One word only, for a short while: the first that other processes wake.
void wait_for_one(std::span<const FutexWord> words, TimePoint deadline) noexcept {
  const auto shared = std::ranges::find_if(words, &FutexWord::shared);
  const FutexWord& first = shared == words.end() ? words.front() : *shared;
  const timespec until =
      as_timespec(std::min(deadline, std::chrono::steady_clock::now() + std::chrono::milliseconds(50)));
  const int operation = FUTEX_WAIT_BITSET | (first.shared ? 0 : FUTEX_PRIVATE_FLAG);
  ::syscall(SYS_futex, first.word, operation, first.expected, &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

bool futex_wait(Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept {
  timespec until{};
  timespec* limit = nullptr;
  if (deadline != TimePoint::max()) {
    if (deadline.time_since_epoch().count() <= 0) return false;
    until = as_timespec(deadline);
    limit = &until;
  }
  // WAIT_BITSET takes an absolute monotonic time, so a retry after EINTR never waits longer.
  const long rc = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, limit, nullptr,
                            FUTEX_BITSET_MATCH_ANY);
  return rc == 0 || errno != ETIMEDOUT;
}

void futex_wake(Atomic<std::uint32_t>& word, int count) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0);
}

void futex_wait_any(std::span<const FutexWord> words, TimePoint deadline) noexcept {
  std::array<futex_waitv, kMostFutexWords> list;
  const std::size_t count = std::min(words.size(), list.size());
  for (std::size_t i = 0; i < count; ++i) {
    list[i] = {.val = words[i].expected,
               .uaddr = reinterpret_cast<std::uintptr_t>(words[i].word),
               .flags = static_cast<__u32>(FUTEX_32 | (words[i].shared ? 0 : FUTEX_PRIVATE_FLAG)),
               .__reserved = 0};
  }
  if (deadline.time_since_epoch().count() <= 0) return;
  const timespec until = deadline == TimePoint::max() ? timespec{} : as_timespec(deadline);
  const timespec* limit = deadline == TimePoint::max() ? nullptr : &until;
  if (::syscall(SYS_futex_waitv, list.data(), count, 0, limit, CLOCK_MONOTONIC) >= 0) return;
  // ENOSYS before 5.16; sandboxes that do not know the call answer EPERM.
  if (errno == ENOSYS || errno == EPERM) wait_for_one(words, deadline);
}

int futex_wake_shared(Atomic<std::uint32_t>& word, int count) noexcept {
  return static_cast<int>(::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0));
}

int thread_id() noexcept { return static_cast<int>(::syscall(SYS_gettid)); }

int processor_count() noexcept {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  const int n = CPU_COUNT(&set);
  return n > 0 ? n : 1;
}

}  // namespace plait::os
