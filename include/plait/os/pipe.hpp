// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "plait/os/fd.hpp"
#include "plait/os/socket.hpp"

namespace plait::os {

/// The two ends of a pipe, close-on-exec and blocking.
struct PipeEnds {
  Fd read;   ///< what comes out
  Fd write;  ///< what goes in
};

/// Throws std::system_error (pipe2(2)).
PipeEnds open_pipe();

/// Whether system calls on the file behind `fd` wait (O_NONBLOCK). All descriptors of one open file share that.
/// Throws std::system_error.
void set_blocking(int fd, bool blocking);

/// write(2) to a pipe, a FIFO or a terminal, which does not raise SIGPIPE: by RWF_NOSIGNAL where the kernel has it
/// (6.18), else by holding the signal off in this thread and taking it back. Minus an errno for an error; goes on after
/// EINTR.
std::int64_t write_pipe(int fd, const void* buffer, std::size_t length) noexcept;
/// The same for several pieces, at most kMostPieces (writev(2)).
std::int64_t write_pipe(int fd, std::span<const Piece> pieces) noexcept;

}  // namespace plait::os
