// SPDX-License-Identifier: BSL-1.0
#include "plait/io/tcp.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "plait/base/contract.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/scope.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

constexpr Duration kRest = std::chrono::milliseconds(50);

bool out_of_resources(std::int64_t result) noexcept {
  return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

/// The connect of a stream that does not exist yet.
class Connect : public IoLeaf<Connect> {
 public:
  explicit Connect(SocketState& stream) noexcept : IoLeaf(Kind::connect, &stream) {
    buffer = const_cast<os::SocketAddress*>(&stream.peer);
  }
  std::int64_t take() const noexcept { return result; }
};

/// For what waits for nothing: only asks whether it is cancelled.
struct Checkpoint {
  bool cancelled = false;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) noexcept {
    cancelled = frame.promise().strand->cancelled();
    return false;
  }
  void await_resume() const {
    if (cancelled) throw Cancelled{};
  }
};

std::uint16_t checked_port(int port) {
  if (port < 0 || port > 65535) throw std::invalid_argument("plait: there is no port " + std::to_string(port));
  return static_cast<std::uint16_t>(port);
}

/// A socket for one address; null, with minus an errno, where there is none of its family.
std::shared_ptr<SocketState> unconnected(const os::SocketAddress& address, std::int64_t& error) {
  try {
    return std::make_shared<SocketState>(os::tcp_socket(address.family()), address);
  } catch (const std::system_error& refusal) {
    error = -refusal.code().value();
    return nullptr;
  }
}

std::vector<os::SocketAddress> addresses_at_hand(const std::string& host, std::uint16_t port) {
  std::vector<os::SocketAddress> addresses;
  for (const char* figures : {"127.0.0.1", "::1"}) {
    if (host == "localhost") addresses.push_back(*os::SocketAddress::from_figures(figures, port));
  }
  if (auto address = os::SocketAddress::from_figures(host, port)) addresses.push_back(*address);
  return addresses;
}

}  // namespace

bool Accept::abort_accept(Operation& operation) noexcept {
  auto& self = static_cast<Accept&>(operation);
  if (self.is_elsewhere() || !self.Timer::linked()) return abort_io(operation);
  self.loop().disarm(self);
  self.result = kAborted;
  return true;
}

bool Accept::begin_accept(Strand& self, std::coroutine_handle<> frame, const void* at) {
  buffer = &peer_;
  auto& listener = static_cast<ListenerState&>(*descriptor);
  if (listener.rests_until.load(std::memory_order_relaxed) == TimePoint{}) [[likely]]
    return begin(self, frame, at);
  if (self.home) {
    return begin_on_pool(self, frame, at, [](Work& work) {
      auto& accept = static_cast<Accept&>(static_cast<IoOperation&>(work));
      if (accept.arrive()) accept.rest();
    });
  }
  if (!listener.fd.valid()) return begin(self, frame, at);
  if (!enter(self)) return false;
  park(self, frame, at);
  rest();
  return true;
}

void Accept::rest() noexcept {
  auto& listener = static_cast<ListenerState&>(*descriptor);
  const TimePoint until = listener.rests_until.exchange(TimePoint{}, std::memory_order_relaxed);
  fire = [](Timer& timer) noexcept { static_cast<Accept&>(timer).start_here(); };
  loop().arm(*this, until);
}

Stream Accept::take() {
  if (result < 0) {
    if (descriptor && out_of_resources(result)) {
      static_cast<ListenerState*>(descriptor)->rests_until.store(add(now(), kRest), std::memory_order_relaxed);
    }
    IoDescriptor::fail(result, "accept on", descriptor);
  }
  return Stream(std::make_shared<SocketState>(os::Fd(static_cast<int>(result)), peer_));
}

}  // namespace detail

Listener::Listener(os::Fd fd) {
  const os::SocketAddress address = os::local_address(fd.get());
  state_ = std::make_unique<detail::ListenerState>(std::move(fd), address);
}

void Listener::refuse_moved_from() { detail::misuse("Listener: it was moved from and holds no socket."); }

Task<Listener> listen_tcp(std::string host, int port, ListenOptions options) {
  const std::uint16_t checked = detail::checked_port(port);
  co_await detail::Checkpoint{};
  if (host.empty()) {
    os::Fd fd;
    try {
      fd = os::listen_on(os::SocketAddress::any(true, checked), options.backlog);
    } catch (const std::system_error& error) {
      if (error.code().value() != EAFNOSUPPORT) throw;
      fd = os::listen_on(os::SocketAddress::any(false, checked), options.backlog);
    }
    co_return Listener(std::move(fd));
  }
  const auto addresses = detail::addresses_at_hand(host, checked);
  if (addresses.empty()) os::throw_error(EADDRNOTAVAIL, "listen on \"" + host + "\", which is no address in figures");
  co_return Listener(os::listen_on(addresses.front(), options.backlog));
}

Task<Stream> connect_tcp(std::string host, int port, std::source_location at) {
  const std::uint16_t checked = detail::checked_port(port);
  auto addresses = detail::addresses_at_hand(host, checked);
  if (addresses.empty()) {
    const ToThreadOptions options{.abandon_on_cancel = true};
    auto resolution = to_thread(options, &os::resolve, host, checked);
    addresses = co_await detail::AtLine<decltype(resolution)&>(resolution, detail::address_of(at));
  }
  std::int64_t first_error = 0;
  for (const os::SocketAddress& address : addresses) {
    std::int64_t result = 0;
    auto stream = detail::unconnected(address, result);
    if (stream) {
      detail::Connect connect(*stream);
      result = co_await detail::AtLine<detail::Connect&>(connect, detail::address_of(at));
    }
    if (result == 0) co_return Stream(std::move(stream));
    if (first_error == 0) first_error = result;
  }
  os::throw_error(static_cast<int>(-first_error), "connect to " + addresses.front().text());
}

}  // namespace plait
