// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "plait/os/fd.hpp"

namespace plait::os {

// These return minus an errno for an error, and go on after EINTR.

/// Sends up to `length` bytes of a file, from `offset` on, to a non-blocking socket without SIGPIPE (sendfile(2)): how
/// many; 0 at the end of the file. Waits for a disk.
std::int64_t send_file(int socket, int file, std::uint64_t offset, std::size_t length) noexcept;

/// What is known of where bytes of a file are.
enum class InMemory : std::uint8_t { yes, no, unknown };
/// Whether these bytes, which the file has, are in memory (cachestat(2)).
InMemory in_memory(int file, std::uint64_t offset, std::size_t length) noexcept;

/// Sends one byte with a copy of `descriptor` over a non-blocking Unix socket (SCM_RIGHTS): 1.
std::int64_t send_descriptor(int socket, int descriptor) noexcept;
/// Takes one byte, and the descriptor that came with it, close-on-exec; none came if `descriptor` is invalid after it.
/// 1; 0 at the end; -EMFILE if it was cut off for want of room in this process.
std::int64_t receive_descriptor(int socket, char& byte, Fd& descriptor) noexcept;

}  // namespace plait::os
