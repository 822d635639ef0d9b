// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <source_location>

#include "plait/core/task.hpp"
#include "plait/io/stream.hpp"
#include "plait/os/fd.hpp"

namespace plait {

/// Sends a copy of `descriptor`, an open file of any kind, over a Unix stream, to the process at its other end
/// (SCM_RIGHTS; multiprocessing.reduction.send_handle). A byte goes with it, which `receive_descriptor` takes; any
/// other read, and most of them read ahead, would take it as data and lose the descriptor. So send one only when the
/// other end has read all that was sent before, and has said so. The caller's own stays open. One writer at a time.
/// Throws std::system_error, also where the stream is none of a Unix socket, and std::logic_error for a stream with a
/// layer, TLS for instance. On cancel: not sent.
[[nodiscard]] Task<> send_descriptor(Stream& to, int descriptor,
                                     std::source_location at = std::source_location::current());

/// Takes such a byte and its descriptor, which is close-on-exec and the caller's to close. One reader at a time. Throws
/// IncompleteReadError at the end of the stream; std::runtime_error if the next byte came without a descriptor, and
/// then it is left for the next read; std::system_error, EMFILE among others, with which the descriptor is lost. On
/// cancel: nothing was taken.
[[nodiscard]] Task<os::Fd> receive_descriptor(Stream& from, std::source_location at = std::source_location::current());

}  // namespace plait
