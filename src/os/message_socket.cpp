// SPDX-License-Identifier: BSL-1.0
#include "plait/os/message_socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

namespace plait::os {

std::pair<Fd, Fd> message_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) throw_error(errno, "socketpair");
  return {above_standard_streams(Fd(fds[0])), above_standard_streams(Fd(fds[1]))};
}

bool is_message_socket(int fd) noexcept {
  int type = 0;
  int domain = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_SEQPACKET) return false;
  length = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

int send_message(int fd, std::span<const std::byte> bytes, std::span<const int> descriptors) noexcept {
  if (bytes.size() > kMostOfMessage || descriptors.size() > kMostDescriptors) return -EMSGSIZE;
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    if (::sendmsg(fd, &message, MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return -errno;
  }
}

std::int64_t receive_message(int fd, std::span<std::byte> buffer, std::vector<Fd>& descriptors, Patience patience) {
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t length = 0;
  do {
    length = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (patience == Patience::none ? MSG_DONTWAIT : 0));
  } while (length < 0 && errno == EINTR);
  if (length < 0) return errno == ECONNRESET ? 0 : -errno;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(header) + at, sizeof received);
      descriptors.emplace_back(received);
    }
  }
  if (message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
  if (message.msg_flags & MSG_CTRUNC) return -EMFILE;
  return length;
}

bool wait_readable(int fd, TimePoint deadline) noexcept {
  for (;;) {
    int limit = -1;
    if (deadline != TimePoint::max()) {
      const auto left = deadline - std::chrono::steady_clock::now();
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      limit = static_cast<int>(std::clamp<std::int64_t>(ms, 0, INT_MAX));
    }
    pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
    const int rc = ::poll(&asked, 1, limit);
    if (rc > 0) return true;
    if (rc == 0 && limit != INT_MAX) return false;
    if (rc < 0 && errno != EINTR) return true;
  }
}

}  // namespace plait::os
