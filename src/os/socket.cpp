// SPDX-License-Identifier: BSL-1.0
#include "plait/os/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <memory>
#include <system_error>

#include "plait/os/epoll.hpp"

namespace plait::os {

static_assert(sizeof(sockaddr_in6) == SocketAddress::kCapacity && sizeof(sockaddr_in) <= SocketAddress::kCapacity);
static_assert(sizeof(Piece) == sizeof(iovec) && offsetof(Piece, data) == offsetof(iovec, iov_base) &&
              offsetof(Piece, size) == offsetof(iovec, iov_len) && kMostPieces <= IOV_MAX);
static_assert(kEpollIn == POLLIN && kEpollOut == POLLOUT && kEpollErr == POLLERR && kEpollHup == POLLHUP);

namespace {

template <class A>
SocketAddress pack(const A& address) noexcept {
  SocketAddress packed;
  std::memcpy(packed.data(), &address, sizeof address);
  packed.set_length(sizeof address);
  return packed;
}

template <class A>
A unpack(const SocketAddress& address) noexcept {
  A raw;
  std::memcpy(&raw, address.data(), sizeof raw);
  return raw;
}

const sockaddr* raw(const SocketAddress& address) noexcept { return static_cast<const sockaddr*>(address.data()); }

class ResolverCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "getaddrinfo"; }
  std::string message(int error) const override { return ::gai_strerror(error); }
};

struct Freer {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, Freer>;

/// Empty: nothing given.
const char* or_null(const std::string& text) noexcept { return text.empty() ? nullptr : text.c_str(); }

int look_up(const char* host, const char* service, const addrinfo& hints, AddressList& list) noexcept {
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host, service, &hints, &found);
  list.reset(found);
  return error;
}

std::optional<SocketAddress> address_of(const addrinfo& entry) noexcept {
  if (entry.ai_family == AF_INET) return pack(*reinterpret_cast<const sockaddr_in*>(entry.ai_addr));
  if (entry.ai_family == AF_INET6) return pack(*reinterpret_cast<const sockaddr_in6*>(entry.ai_addr));
  return {};
}

template <class Call>
auto retried(Call call) noexcept {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result < 0 ? static_cast<decltype(result)>(-errno) : result;
}

void set_option(int fd, int level, int option, int value, const char* what) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) throw_error(errno, what);
}

}  // namespace

std::optional<SocketAddress> SocketAddress::from_figures(std::string_view host, std::uint16_t port) noexcept {
  char name[80];
  if (host.empty() || host.size() >= sizeof name) return {};
  *std::copy(host.begin(), host.end(), name) = '\0';
  AddressList list;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  if (look_up(name, nullptr, hints, list) != 0) return {};
  std::optional<SocketAddress> address = address_of(*list);
  if (address) address->set_port(port);
  return address;
}

SocketAddress SocketAddress::any(bool v6, std::uint16_t port) noexcept {
  if (v6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    return pack(address);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  return pack(address);
}

std::string SocketAddress::text() const {
  char figures[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET) {
    const auto address = unpack<sockaddr_in>(*this);
    ::inet_ntop(AF_INET, &address.sin_addr, figures, sizeof figures);
    return std::string(figures) + ":" + std::to_string(port());
  }
  if (family() == AF_INET6) {
    const auto address = unpack<sockaddr_in6>(*this);
    ::inet_ntop(AF_INET6, &address.sin6_addr, figures, sizeof figures);
    return std::string("[").append(figures).append("]:").append(std::to_string(port()));
  }
  return figures;
}

std::uint16_t SocketAddress::port() const noexcept {
  if (family() == AF_INET) return ntohs(unpack<sockaddr_in>(*this).sin_port);
  if (family() == AF_INET6) return ntohs(unpack<sockaddr_in6>(*this).sin6_port);
  return 0;
}

void SocketAddress::set_port(std::uint16_t port) noexcept {
  if (family() == AF_INET) {
    auto address = unpack<sockaddr_in>(*this);
    address.sin_port = htons(port);
    *this = pack(address);
  } else if (family() == AF_INET6) {
    auto address = unpack<sockaddr_in6>(*this);
    address.sin6_port = htons(port);
    *this = pack(address);
  }
}

bool SocketAddress::is_v6() const noexcept { return family() == AF_INET6; }

int SocketAddress::family() const noexcept {
  return length_ >= sizeof(sa_family_t) ? unpack<sa_family_t>(*this) : AF_UNSPEC;
}

std::vector<SocketAddress> resolve(const std::string& host, const std::string& service, ResolveHints wanted) {
  static const ResolverCategory category;
  addrinfo hints{};
  hints.ai_socktype = wanted.datagram ? SOCK_DGRAM : SOCK_STREAM;
  hints.ai_family = wanted.v4 && wanted.v6 ? AF_UNSPEC : wanted.v4 ? AF_INET : AF_INET6;
  hints.ai_flags = wanted.passive ? AI_PASSIVE : 0;
  AddressList list;
  // With neither of them getaddrinfo finds nothing, not even this machine.
  const char* any_service = host.empty() && service.empty() ? "0" : or_null(service);
  const int error = look_up(or_null(host), any_service, hints, list);
  const std::string what = "resolve \"" + host + (service.empty() ? "" : ":" + service) + "\"";
  if (error == EAI_SYSTEM) throw_error(errno, what);
  if (error != 0) throw std::system_error(error, category, what);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* entry = list.get(); entry; entry = entry->ai_next) {
    if (auto address = address_of(*entry)) addresses.push_back(*address);
  }
  if (addresses.empty()) throw std::system_error(EAI_NODATA, category, what);
  return addresses;
}

Fd tcp_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) throw_error(errno, "socket");
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "setsockopt(TCP_NODELAY)");
  return fd;
}

Fd listen_on(const SocketAddress& address, int backlog, bool reuse_port) {
  Fd fd = tcp_socket(address.family());
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "setsockopt(SO_REUSEADDR)");
  if (reuse_port) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1, "setsockopt(SO_REUSEPORT)");
  if (address.family() == AF_INET6) {
    const auto in6 = unpack<sockaddr_in6>(address);
    const int only = !IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
    set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, only, "setsockopt(IPV6_V6ONLY)");
  }
  if (::bind(fd.get(), raw(address), address.length()) != 0) throw_error(errno, "bind to " + address.text());
  if (::listen(fd.get(), backlog) != 0) throw_error(errno, "listen on " + address.text());
  return fd;
}

SocketAddress local_address(int fd) noexcept {
  SocketAddress address;
  socklen_t length = SocketAddress::kCapacity;
  if (::getsockname(fd, static_cast<sockaddr*>(address.data()), &length) == 0) address.set_length(length);
  return address;
}

std::int64_t receive(int fd, void* buffer, std::size_t length) noexcept {
  return retried([&] { return ::recv(fd, buffer, length, 0); });
}

std::int64_t send(int fd, const void* buffer, std::size_t length) noexcept {
  return retried([&] { return ::send(fd, buffer, length, MSG_NOSIGNAL); });
}

std::int64_t send_pieces(int fd, std::span<const Piece> pieces) noexcept {
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(const_cast<Piece*>(pieces.data()));
  message.msg_iovlen = pieces.size();
  return retried([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
}

bool died_in_the_queue(int error) noexcept {
  static constexpr int kErrors[] = {EINTR,     ECONNABORTED, EPROTO,      ENETDOWN,    ENOPROTOOPT,
                                    EHOSTDOWN, ENONET,       ENETUNREACH, EHOSTUNREACH};
  return std::find(std::begin(kErrors), std::end(kErrors), error) != std::end(kErrors);
}

int accept(int fd, SocketAddress& peer) noexcept {
  while (true) {
    const int accepted = ::accept4(fd, static_cast<sockaddr*>(peer.data()), peer.fill(), SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) return accepted;
    if (!died_in_the_queue(errno)) return -errno;
  }
}

int connect(int fd, const SocketAddress& address) noexcept {
  if (::connect(fd, raw(address), address.length()) == 0) return 0;
  // An interrupted connect goes on in the background, as a non-blocking one does.
  if (errno == EINTR) return -EINPROGRESS;
  // Linux says EAGAIN when the local ports have run out, which waiting does not mend.
  return errno == EAGAIN ? -EADDRNOTAVAIL : -errno;
}

int pending_error(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return -errno;
  return -error;
}

int shutdown_write(int fd) noexcept { return ::shutdown(fd, SHUT_WR) == 0 ? 0 : -errno; }

void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) throw_error(errno, "fcntl(O_NONBLOCK)");
}

int poll_now(int fd, std::uint32_t events) noexcept {
  pollfd watched{.fd = fd, .events = static_cast<short>(events), .revents = 0};
  const int n = retried([&] { return ::poll(&watched, 1, 0); });
  if (n < 0) return n;
  return watched.revents & POLLNVAL ? -EBADF : watched.revents;
}

}  // namespace plait::os
