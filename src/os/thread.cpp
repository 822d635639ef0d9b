// SPDX-License-Identifier: BSL-1.0
#include "plait/os/thread.hpp"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "plait/os/futex.hpp"

namespace plait::os {

static_assert(sizeof(pthread_t) == sizeof(ThreadHandle));
namespace {

/// An errno.
int set_affinity(pthread_attr_t& attributes, std::span<const int> processors) noexcept {
  const auto [least, most] = std::ranges::minmax(processors);
  if (least < 0) return EINVAL;
  cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(most) + 1);
  if (!set) return ENOMEM;
  const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(most) + 1);
  CPU_ZERO_S(size, set);
  for (const int number : processors) CPU_SET_S(static_cast<std::size_t>(number), size, set);
  const int error = ::pthread_attr_setaffinity_np(&attributes, size, set);
  CPU_FREE(set);
  return error;
}

}  // namespace

bool may_be_processor(int number) noexcept { return number >= 0 && number < ::sysconf(_SC_NPROCESSORS_CONF); }

int create_thread(std::size_t stack_size, std::span<const int> affinity, void* (*body)(void*),
                  void* argument) noexcept {
  pthread_attr_t attributes;
  if (const int error = ::pthread_attr_init(&attributes)) return error;
  int error = 0;
  if (stack_size != 0) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t wanted = std::max(stack_size, static_cast<std::size_t>(PTHREAD_STACK_MIN));
    error = ::pthread_attr_setstacksize(&attributes, (wanted + page - 1) / page * page);
  }
  if (error == 0 && !affinity.empty()) error = set_affinity(attributes, affinity);
  pthread_t thread{};
  if (error == 0) error = ::pthread_create(&thread, &attributes, body, argument);
  ::pthread_attr_destroy(&attributes);
  return error;
}

void join_thread(ThreadHandle thread) noexcept { ::pthread_join(static_cast<pthread_t>(thread), nullptr); }

ThreadHandle this_thread() noexcept { return static_cast<ThreadHandle>(::pthread_self()); }

void name_this_thread(std::string_view name) noexcept {
  std::array<char, 16> kept{};
  std::size_t length = std::min(name.size(), kept.size() - 1);
  const auto continues = [&](std::size_t i) { return i < name.size() && (name[i] & 0xc0) == 0x80; };
  while (length > 0 && length < name.size() && continues(length)) --length;
  std::copy_n(name.begin(), length, kept.begin());
  ::pthread_setname_np(::pthread_self(), kept.data());
}

std::string name_of_this_thread() {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

bool is_main_thread() noexcept { return thread_id() == ::getpid(); }

void at_fork(void (*before)(), void (*parent)(), void (*child)()) noexcept { ::pthread_atfork(before, parent, child); }

}  // namespace plait::os
