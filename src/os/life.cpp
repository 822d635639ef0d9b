// SPDX-License-Identifier: BSL-1.0
//
// Idea. A thread that registers a list of its own with the kernel, in place of the C library's, needs nothing of the
// layout of a pthread_mutex_t. While it takes the word, the word is the list's pending operation: so there is no
// instant at which the word names a thread that the kernel would not mark it for.
#include "plait/os/life.hpp"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>
#include <memory>

#include "plait/os/fd.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/thread.hpp"

namespace plait::os {
namespace {

static_assert((FUTEX_TID_MASK) == 0x3FFFFFFFU);
constinit robust_list_head list{};

struct Start {
  void (*body)(void*);
  void* argument;
  const char* name;
};

}  // namespace

bool hold_for_life(Life& life) noexcept {
  auto* link = reinterpret_cast<robust_list*>(&life.link);
  list.list.next = &list.list;
  list.futex_offset = static_cast<long>(offsetof(Life, word)) - static_cast<long>(offsetof(Life, link));
  list.list_op_pending = nullptr;
  if (::syscall(SYS_set_robust_list, &list, sizeof list) != 0) return false;
  const auto self = static_cast<std::uint32_t>(thread_id()) | FUTEX_WAITERS;
  std::uint32_t before = life.word.load(std::memory_order_relaxed);
  do {
    if (Life::is_held(before)) return false;
    list.list_op_pending = link;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } while (!life.word.compare_exchange_weak(before, self, std::memory_order_seq_cst));
  link->next = &list.list;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  list.list.next = link;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  list.list_op_pending = nullptr;
  return true;
}

void await_last_writes() noexcept {
  // All threads of a dying process are told at once; each obeys when it next leaves the kernel, and this waits until
  // every processor has been there.
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return;
  const timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
  ::nanosleep(&pause, nullptr);
}

void start_hidden_thread(const char* name, void (*body)(void*), void* argument) {
  auto* const start = new Start{body, argument, name};
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  int error = ::pthread_attr_init(&attributes);
  if (error == 0) {
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread{};
    error = ::pthread_create(
        &thread, &attributes,
        [](void* given) -> void* {
          const std::unique_ptr<Start> own(static_cast<Start*>(given));
          name_this_thread(own->name);
          own->body(own->argument);
          return nullptr;
        },
        start);
    ::pthread_attr_destroy(&attributes);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) return;
  delete start;
  throw_error(error, "pthread_create");
}

}  // namespace plait::os
