// SPDX-License-Identifier: BSL-1.0
//
// Idea. What needs no look-up never leaves the loop. The rest is left behind when it is cancelled: all it has is its
// arguments and its answer, which belong to the call, so nothing leaks but the time of one thread.
#include "plait/io/resolve.hpp"

#include <stdexcept>
#include <utility>

#include "checkpoint.hpp"
#include "plait/core/record.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

bool admits(const ResolveOptions& options, const SocketAddress& address) noexcept {
  return options.family == AddressFamily::any || address.is_v6() == (options.family == AddressFamily::v6);
}

std::vector<SocketAddress> addresses_at_hand(const std::string& host, std::uint16_t port,
                                             const ResolveOptions& options) {
  std::vector<SocketAddress> addresses;
  const auto add = [&](std::string_view figures) {
    const auto address = SocketAddress::from_figures(figures, port);
    if (address && admits(options, *address)) addresses.push_back(*address);
  };
  if (host == "localhost") {
    add("127.0.0.1");
    add("::1");
  } else {
    add(host);
  }
  return addresses;
}

os::ResolveHints hints_of(const ResolveOptions& options) noexcept {
  return {.v4 = options.family != AddressFamily::v6,
          .v6 = options.family != AddressFamily::v4,
          .passive = options.passive,
          .datagram = options.datagram};
}

Task<std::vector<SocketAddress>> look_up(std::string host, std::string service, ResolveOptions options,
                                         std::source_location at) {
  const ToThreadOptions how{.abandon_on_cancel = true};
  auto call = to_thread(how, &os::resolve, std::move(host), std::move(service), hints_of(options));
  co_return co_await AtLine<decltype(call)&>(call, address_of(at));
}

}  // namespace

std::uint16_t checked_port(int port) {
  if (port < 0 || port > 65535) throw std::invalid_argument("plait: there is no port " + std::to_string(port));
  return static_cast<std::uint16_t>(port);
}

}  // namespace detail

Task<std::vector<SocketAddress>> resolve(std::string host, int port, ResolveOptions options, std::source_location at) {
  const std::uint16_t checked = detail::checked_port(port);
  auto known = detail::addresses_at_hand(host, checked, options);
  if (!known.empty()) {
    co_await detail::Checkpoint{};
    co_return known;
  }
  co_return co_await detail::look_up(std::move(host), std::to_string(port), options, at);
}

Task<std::vector<SocketAddress>> resolve(std::string host, std::string service, ResolveOptions options,
                                         std::source_location at) {
  return detail::look_up(std::move(host), std::move(service), options, at);
}

}  // namespace plait
