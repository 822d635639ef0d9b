// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace plait::os {

/// A thread of the system (a pthread_t), to be joined exactly once.
using ThreadHandle = std::uintptr_t;

/// Starts a thread that runs `body(argument)`, with that much stack (0: the system's default; rounded up to what the
/// system asks for) and on the processors `affinity` only (empty: those of the caller). Returns an errno, 0 for success
/// (pthread_create(3)).
int create_thread(std::size_t stack_size, std::span<const int> affinity, void* (*body)(void*), void* argument) noexcept;
/// Whether the machine may have a processor of that number.
bool may_be_processor(int number) noexcept;
/// Waits until the thread is gone with all its thread-local objects (pthread_join(3)).
void join_thread(ThreadHandle thread) noexcept;
/// The calling thread.
ThreadHandle this_thread() noexcept;

/// Names the calling thread for the kernel, which keeps 15 bytes: a longer name is cut between two characters of UTF-8.
void name_this_thread(std::string_view name) noexcept;
/// The kernel's name of the calling thread.
std::string name_of_this_thread();
/// Whether the caller is the thread that the process began with.
bool is_main_thread() noexcept;
/// Calls `before` before each fork of this process, `parent` and `child` after it in both (pthread_atfork(3)).
void at_fork(void (*before)(), void (*parent)(), void (*child)()) noexcept;

}  // namespace plait::os
