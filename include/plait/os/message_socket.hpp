// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "plait/base/time.hpp"
#include "plait/os/fd.hpp"

namespace plait::os {

/// Two connected sockets that keep the bounds of messages (unix(7), SOCK_SEQPACKET), close-on-exec and blocking: one
/// for each of two processes. Throws std::system_error.
std::pair<Fd, Fd> message_pair();
/// Whether `fd` is a socket of that kind.
bool is_message_socket(int fd) noexcept;

/// The longest message that always fits.
inline constexpr std::size_t kMostOfMessage = 32 * 1024;
/// The most descriptors that go with a message.
inline constexpr std::size_t kMostDescriptors = 250;

/// Sends one message: `bytes`, which are not empty, and copies of `descriptors` (SCM_RIGHTS). Never raises SIGPIPE. 0,
/// or minus an errno: -EPIPE, -ECONNRESET if the other end is gone.
int send_message(int fd, std::span<const std::byte> bytes, std::span<const int> descriptors) noexcept;

/// What `receive_message` may do.
enum class Patience : std::uint8_t { none, wait };
/// Takes the next message into `buffer`, and its descriptors, close-on-exec, into `descriptors`. Its length; 0 at the
/// end, when the other end is gone; minus an errno: -EAGAIN if there is none and it may not wait, -EMSGSIZE for one
/// that is too long, -EMFILE if its descriptors were cut off for want of room in this process (it is lost).
std::int64_t receive_message(int fd, std::span<std::byte> buffer, std::vector<Fd>& descriptors, Patience patience);

/// Waits until `fd` can be read or is at its end (poll(2)). False after the deadline, of the real monotonic clock.
bool wait_readable(int fd, TimePoint deadline) noexcept;

}  // namespace plait::os
