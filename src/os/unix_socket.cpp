// SPDX-License-Identifier: BSL-1.0
#include "plait/os/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "retried.hpp"

namespace plait::os {

static_assert(sizeof(sockaddr_un) == UnixAddress::kCapacity);

namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);
constexpr std::size_t kLongestPath = sizeof(sockaddr_un::sun_path) - 1;

const sockaddr* raw(const UnixAddress& address) noexcept { return static_cast<const sockaddr*>(address.data()); }

bool is_socket_file(const std::string& path) noexcept {
  struct stat found;
  return ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

/// Nobody has bound the socket file any more: its owner ended without removing it.
bool is_stale(const UnixAddress& address, bool datagram) {
  if (address.is_abstract() || !is_socket_file(address.path())) return false;
  const Fd probe = unix_socket(datagram);
  return connect_unix(probe.get(), address) == -ECONNREFUSED;
}

}  // namespace

std::optional<UnixAddress> UnixAddress::from_path(std::string_view path) noexcept {
  if (path.empty() || path.size() > kLongestPath || path.find('\0', 1) != path.npos) return {};
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), raw.sun_path);
  UnixAddress address;
  std::memcpy(address.data(), &raw, sizeof raw);
  // The length of an abstract name is part of it; a path ends with a NUL.
  address.set_length(static_cast<std::uint32_t>(kPathOffset + path.size() + (path.front() == '\0' ? 0 : 1)));
  return address;
}

std::string_view UnixAddress::path_view() const noexcept {
  if (length_ <= kPathOffset) return {};
  const std::string_view path(reinterpret_cast<const char*>(bytes_.data()) + kPathOffset, length_ - kPathOffset);
  return path.front() == '\0' ? path : path.substr(0, path.find('\0'));
}

std::string UnixAddress::path() const { return std::string(path_view()); }

std::string UnixAddress::text() const {
  if (path_view().empty()) return "an unnamed Unix socket";
  return is_abstract() ? "@" + std::string(path_view().substr(1)) : path();
}

Fd unix_socket(bool datagram) {
  Fd fd(::socket(AF_UNIX, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) throw_error(errno, "socket");
  return fd;
}

void bind_unix(int fd, bool datagram, const UnixAddress& address) {
  if (::bind(fd, raw(address), address.length()) == 0) return;
  if (errno != EADDRINUSE || !is_stale(address, datagram)) throw_error(errno, "bind to " + address.text());
  if (::unlink(address.path().c_str()) != 0 && errno != ENOENT) {
    throw_error(errno, "remove the stale socket " + address.text());
  }
  if (::bind(fd, raw(address), address.length()) != 0) throw_error(errno, "bind to " + address.text());
}

void listen_unix(int fd, const UnixAddress& address, int backlog) {
  if (::listen(fd, backlog) != 0) throw_error(errno, "listen on " + address.text());
}

int connect_unix(int fd, const UnixAddress& address) noexcept {
  return static_cast<int>(retried([&] { return ::connect(fd, raw(address), address.length()); }));
}

std::optional<FileIdentity> identity_of(const std::string& path) noexcept {
  struct stat found;
  if (::lstat(path.c_str(), &found) != 0) return {};
  return FileIdentity{found.st_dev, found.st_ino};
}

void remove_if_same(const std::string& path, const FileIdentity& file) noexcept {
  if (identity_of(path) == file) static_cast<void>(::unlink(path.c_str()));
}

std::optional<PeerCredentials> peer_credentials(int fd) noexcept {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid == 0) return {};
  return PeerCredentials{peer.pid, peer.uid, peer.gid};
}

SocketPair socket_pair(bool datagram) {
  int ends[2];
  if (::socketpair(AF_UNIX, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    throw_error(errno, "socketpair");
  }
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace plait::os
