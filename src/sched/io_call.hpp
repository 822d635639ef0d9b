// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdint>

#include "plait/sched/poller.hpp"

namespace plait::detail {

/// Makes the system call of an operation on a non-blocking descriptor, or goes on with it: its result, or minus an
/// errno. Any thread that the operation belongs to at the time.
std::int64_t call_now(IoOperation& operation) noexcept;
/// Keeps in mind that a connection was lost, if that is what `result` says (IoDescriptor::lost).
void note_loss(IoDescriptor* descriptor, std::int64_t result) noexcept;
/// Such a result means that the operation has to wait.
inline bool would_block(std::int64_t result) noexcept {
  return result == -EAGAIN || result == -EINPROGRESS || result == -EINTR;
}

}  // namespace plait::detail
