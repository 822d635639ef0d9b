// SPDX-License-Identifier: BSL-1.0
#include "plait/os/send_file.hpp"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "pipe_signal.hpp"
#include "retried.hpp"

namespace plait::os {
namespace {

/// cachestat(2), which the headers lack.
constexpr long kCachestat = 451;
struct CachestatRange {
  std::uint64_t offset;
  std::uint64_t length;
};
struct Cachestat {
  std::uint64_t in_memory;
  std::array<std::uint64_t, 4> others;
};

}  // namespace

std::int64_t send_file(int socket, int file, std::uint64_t offset, std::size_t length) noexcept {
  auto at = static_cast<off_t>(offset);
  PipeSignalHeld held;
  const std::int64_t n = retried([&] { return ::sendfile(socket, file, &at, length); });
  if (n == -EPIPE) held.raised();
  return n;
}

InMemory in_memory(int file, std::uint64_t offset, std::size_t length) noexcept {
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const CachestatRange range{offset, length};
  Cachestat found{};
  if (::syscall(kCachestat, file, &range, &found, 0) != 0) return InMemory::unknown;
  const std::uint64_t pages = (offset + length + page - 1) / page - offset / page;
  return found.in_memory >= pages ? InMemory::yes : InMemory::no;
}

std::int64_t send_descriptor(int socket, int descriptor) noexcept {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return -errno;
  if (domain != AF_UNIX) return -EOPNOTSUPP;  // TCP sends the byte alone, without a word
  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptor)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return retried([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

std::int64_t receive_descriptor(int socket, char& byte, Fd& descriptor) noexcept {
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const std::int64_t n = retried([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT); });
  if (n <= 0) return n;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(header) + at, sizeof received);
      descriptor.reset(received);
    }
  }
  return message.msg_flags & MSG_CTRUNC && !descriptor.valid() ? -EMFILE : n;
}

}  // namespace plait::os
