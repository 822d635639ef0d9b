// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plait/os/fd.hpp"

namespace plait::os {

/// The address of an internet socket (sockaddr_in, sockaddr_in6), without the system's headers.
class SocketAddress {
 public:
  /// Bytes of the longest of them.
  static constexpr std::uint32_t kCapacity = 28;

  SocketAddress() noexcept = default;
  /// From an IPv4 or IPv6 address in figures, with a scope id at most; nothing if `host` is none.
  static std::optional<SocketAddress> from_figures(std::string_view host, std::uint16_t port) noexcept;
  /// All interfaces, of IPv4 (`v6` false) or of both.
  static SocketAddress any(bool v6, std::uint16_t port) noexcept;

  /// "127.0.0.1:80", "[::1]:80", or "?" if it is none of these.
  std::string text() const;
  /// 0 if it is not an internet address.
  std::uint16_t port() const noexcept;
  void set_port(std::uint16_t port) noexcept;
  bool is_v6() const noexcept;
  /// AF_INET, AF_INET6, or AF_UNSPEC.
  int family() const noexcept;

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
    return a.length_ == b.length_ && a.bytes_ == b.bytes_;
  }

  /// The sockaddr.
  const void* data() const noexcept { return bytes_.data(); }
  /// For calls that fill it.
  void* data() noexcept { return bytes_.data(); }
  std::uint32_t length() const noexcept { return length_; }
  /// Where such a call puts the length; holds the room there is until then.
  std::uint32_t* fill() noexcept {
    length_ = kCapacity;
    return &length_;
  }
  /// After such a call.
  void set_length(std::uint32_t length) noexcept { length_ = length < kCapacity ? length : kCapacity; }

 private:
  alignas(4) std::array<std::byte, kCapacity> bytes_{};
  std::uint32_t length_ = 0;
};

/// One of several pieces of memory that go out together (iovec).
struct Piece {
  const void* data;
  std::size_t size;
};
/// How many of them one call takes.
inline constexpr std::size_t kMostPieces = 64;

/// Which addresses `resolve` looks for.
struct ResolveHints {
  bool v4 = true, v6 = true;
  bool passive = false;   ///< for a socket that listens: an empty host is all interfaces
  bool datagram = false;  ///< of a service the UDP port
};
/// The addresses of a name and a service, "http" or "80", by getaddrinfo(3), which blocks. An empty host is this
/// machine. Throws std::system_error, with a category of its own for the errors of getaddrinfo.
std::vector<SocketAddress> resolve(const std::string& host, const std::string& service, ResolveHints hints = {});

/// A non-blocking, close-on-exec TCP socket with TCP_NODELAY. Throws std::system_error.
Fd tcp_socket(int family);
/// A listening one, which its accepted sockets inherit TCP_NODELAY from; with `reuse_port` others may listen there, too
/// (SO_REUSEPORT). Throws std::system_error.
Fd listen_on(const SocketAddress& address, int backlog, bool reuse_port = false);
/// From now on reads and writes fail with EAGAIN where they would wait (fcntl(2), O_NONBLOCK). Throws
/// std::system_error.
void set_nonblocking(int fd);
/// The address that a socket is bound to.
SocketAddress local_address(int fd) noexcept;

// The system calls below return minus an errno for an error, and go on after EINTR.

/// recv(2).
std::int64_t receive(int fd, void* buffer, std::size_t length) noexcept;
/// send(2) without SIGPIPE.
std::int64_t send(int fd, const void* buffer, std::size_t length) noexcept;
/// sendmsg(2) of several pieces, at most kMostPieces, without SIGPIPE.
std::int64_t send_pieces(int fd, std::span<const Piece> pieces) noexcept;
/// accept4(2), non-blocking and close-on-exec: the descriptor. Connections that died in the queue are passed over.
int accept(int fd, SocketAddress& peer) noexcept;
/// Errors of accept that tell of the connection and not of the listener.
bool died_in_the_queue(int error) noexcept;
/// connect(2): 0, or -EINPROGRESS.
int connect(int fd, const SocketAddress& address) noexcept;
/// What became of a connect in progress (SO_ERROR): 0 or minus an errno.
int pending_error(int fd) noexcept;
/// shutdown(2) of the writing half.
int shutdown_write(int fd) noexcept;
/// Which of `events` (the bits of epoll) hold now, with errors and hang-ups (poll(2)).
int poll_now(int fd, std::uint32_t events) noexcept;

}  // namespace plait::os
