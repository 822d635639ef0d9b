// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <source_location>
#include <string>

#include "plait/core/task.hpp"
#include "plait/io/listener.hpp"
#include "plait/io/tcp.hpp"
#include "plait/os/unix_socket.hpp"

namespace plait {

/// The process at the other end of a Unix stream when it connected: `pid`, `uid`, `gid`.
using os::PeerCredentials;

/// Listens on a Unix socket (asyncio.start_unix_server): the file `path`, at most 107 bytes long, or, where `path`
/// begins with a NUL, a name in the kernel's abstract namespace, which has no file. A socket file that an ended server
/// left behind is removed first; one that somebody listens on is not (asyncio removes that, too), and the error is
/// EADDRINUSE. Closing the Listener removes the file, if it is still the one that was made. Throws std::system_error
/// with the path. On cancel: nobody listens, and nothing was removed.
[[nodiscard]] Task<Listener> listen_unix(std::string path, ListenOptions options = {});

/// Connects to such a socket (asyncio.open_unix_connection). While the listener's queue is full, which the kernel does
/// not tell the end of, it tries again, after 1 ms at first and 50 ms at last. Throws std::system_error with the path.
/// On cancel: there is no connection.
[[nodiscard]] Task<Stream> connect_unix(std::string path, std::source_location at = std::source_location::current());

/// Who is at the other end of a Unix stream; the maker of the pair for `stream_pair`. Nothing for other streams. Never
/// waits.
std::optional<PeerCredentials> peer_credentials(const Stream& stream) noexcept;

/// What `stream_pair` makes.
struct StreamPair {
  Stream first;   ///< What is written here is read from `second`,
  Stream second;  ///< and what is written here is read from `first`.
};

/// Two Streams that are connected to each other, in the memory of the kernel (socket.socketpair): as connections, but
/// without addresses. Throws std::system_error when descriptors have run out. Never waits.
StreamPair stream_pair();

}  // namespace plait
