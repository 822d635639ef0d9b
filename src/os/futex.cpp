// SPDX-License-Identifier: BSL-1.0
#include "plait/os/futex.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace plait::os {

static_assert(sizeof(Atomic<std::uint32_t>) == sizeof(std::uint32_t));

bool futex_wait(Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept {
  timespec until{};
  timespec* limit = nullptr;
  if (deadline != TimePoint::max()) {
    const auto ns = deadline.time_since_epoch().count();
    if (ns <= 0) return false;
    until = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
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

int thread_id() noexcept { return static_cast<int>(::syscall(SYS_gettid)); }

int processor_count() noexcept {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  const int n = CPU_COUNT(&set);
  return n > 0 ? n : 1;
}

}  // namespace plait::os
