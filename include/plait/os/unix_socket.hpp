// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plait/os/fd.hpp"
#include "plait/os/file_identity.hpp"

namespace plait::os {

/// The address of a Unix socket (sockaddr_un), without the system's headers: a path, an abstract name, which begins
/// with a NUL, or none.
class UnixAddress {
 public:
  /// Bytes of the longest of them.
  static constexpr std::uint32_t kCapacity = 110;

  UnixAddress() noexcept = default;
  /// Nothing if `path` is empty, too long (107 bytes), or has a NUL other than the first one.
  static std::optional<UnixAddress> from_path(std::string_view path) noexcept;

  /// As it was given; empty for a socket without an address.
  std::string path() const;
  /// It begins with a NUL, so there is no file.
  bool is_abstract() const noexcept { return !path_view().empty() && path_view().front() == '\0'; }
  /// What people call it: the path, "@name" for an abstract one, "an unnamed Unix socket".
  std::string text() const;

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
  std::string_view path_view() const noexcept;

  alignas(4) std::array<std::byte, kCapacity> bytes_{};
  std::uint32_t length_ = 0;
};

/// The process at the other end of a Unix stream, as it was when it connected.
struct PeerCredentials {
  int pid = 0;       ///< its number
  unsigned uid = 0;  ///< its user
  unsigned gid = 0;  ///< its group
};

/// A non-blocking, close-on-exec Unix socket. Throws std::system_error.
Fd unix_socket(bool datagram);
/// Binds it; a socket file that nobody listens on any more is removed first. Throws std::system_error (EADDRINUSE if
/// somebody does).
void bind_unix(int fd, bool datagram, const UnixAddress& address);
/// listen(2). Throws std::system_error.
void listen_unix(int fd, const UnixAddress& address, int backlog);
/// connect(2): 0, -EAGAIN if the listener's queue is full, or minus an errno.
int connect_unix(int fd, const UnixAddress& address) noexcept;
/// What `path` names now, if it names anything.
std::optional<FileIdentity> identity_of(const std::string& path) noexcept;
/// Removes the file if it is still the same. Errors are passed over.
void remove_if_same(const std::string& path, const FileIdentity& file) noexcept;
/// SO_PEERCRED; nothing for what is no Unix stream.
std::optional<PeerCredentials> peer_credentials(int fd) noexcept;

/// Two connected ones.
struct SocketPair {
  Fd first;   ///< one
  Fd second;  ///< the other
};
/// socketpair(2): Unix streams or datagrams, non-blocking. Throws std::system_error.
SocketPair socket_pair(bool datagram);

}  // namespace plait::os
