// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>

#include "plait/os/fd.hpp"

namespace plait::os {

/// Reserves `size` bytes of zeroes at an address that never moves, in a new memory file of that name (memfd_create(2)).
/// Pages cost memory once they are touched. The file is sealed: its size is fixed, and nobody else can map or write it
/// for writing; processes of the same user read it as /proc/PID/fd/N. Null if the system refuses; never throws.
void* map_memory_file(const char* name, std::size_t size) noexcept;

/// A memory file with these bytes, at its beginning, close-on-exec, for another process to read. Throws
/// std::system_error.
Fd memory_file_of(std::span<const std::byte> bytes);

/// Reserves zeroes in private memory, which nobody else sees.
void* map_private_memory(std::size_t size) noexcept;

/// Backs a part of such a reservation with memory now, so that a shortage shows here and not as SIGBUS at the first
/// touch. `start` is aligned to pages. False if there is no memory; kernels before 5.14 promise without knowing.
bool back_with_memory(void* start, std::size_t size) noexcept;

/// Puts private zeroes in the place of a mapping, whose addresses stay valid. For the child after a fork(2), which
/// ends by abort() if that fails: it would write into its parent's memory.
void replace_by_private_memory(void* start, std::size_t size) noexcept;

/// Has `f` called in each child of fork(2), before fork returns there. `f` may call only what a signal handler may.
void in_each_forked_child(void (*f)()) noexcept;
/// The priority of the constructors that call it for what other threads may be at: in the child these are in order
/// before anything else uses them.
inline constexpr int kWatchForks = 110;

/// The id of this process (getpid(2)).
int process_id() noexcept;

}  // namespace plait::os
