// SPDX-License-Identifier: BSL-1.0
// What the echo servers by hand and the load generator share. A server prints its port and serves until it is killed.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace bench {

/// Ends the program with the text of `error`.
[[noreturn]] inline void die(const char* what, int error = errno) {
  errno = error;
  std::perror(what);
  std::exit(1);
}

inline void allow_many_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

inline sockaddr_in loopback(int port, std::uint32_t host = INADDR_LOOPBACK) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(host);
  return address;
}

inline void announce(int port) {
  std::printf("%d\n", port);
  std::fflush(stdout);
}

inline void set_no_delay(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/// Listens on a free port of the loopback interface and announces it.
inline int listen_and_announce() {
  allow_many_descriptors();
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 4096) != 0) die("listen");
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  announce(ntohs(address.sin_port));
  return fd;
}

/// A connection that waits at `listener`, or -1.
inline int accept_next(int listener, int flags) {
  const int fd = accept4(listener, nullptr, nullptr, flags | SOCK_CLOEXEC);
  if (fd >= 0) set_no_delay(fd);
  return fd;
}

}  // namespace bench
