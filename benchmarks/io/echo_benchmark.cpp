// SPDX-License-Identifier: BSL-1.0
// An echo of 64 bytes on each of 64 connections: by tasks, and by epoll and system calls by hand. The client is the
// same in both, system calls on the same thread, so the difference is what a request costs in the library.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <plait/plait.hpp>

#include <array>
#include <cstdlib>
#include <vector>

#include "measure.hpp"

namespace {

constexpr int kConnections = 64;
using Message = std::array<char, 64>;

struct Sockets {
  Sockets() {
    const plait::os::Fd listener = plait::os::listen_on(*plait::SocketAddress::from_figures("127.0.0.1", 0), 64);
    plait::SocketAddress address = plait::os::local_address(listener.get());
    for (int i = 0; i < kConnections; ++i) {
      clients.push_back(plait::os::tcp_socket(address.family()).release());
      static_cast<void>(plait::os::connect(clients.back(), address));
      plait::SocketAddress peer;
      int server = -1;
      while (server < 0) server = plait::os::accept(listener.get(), peer);
      servers.push_back(server);
    }
  }
  ~Sockets() {
    for (const int fd : clients) ::close(fd);
  }
  void send_all() const {
    const Message message{};
    for (const int fd : clients) {
      if (::send(fd, message.data(), message.size(), 0) != 64) std::abort();
    }
  }
  /// True: the answer to that one is there.
  static bool receive(int fd) {
    Message message;
    return ::recv(fd, message.data(), message.size(), 0) == 64;
  }

  std::vector<int> clients, servers;
};

void echo_raw(benchmark::State& state) {
  const Sockets sockets;
  const int epoll = ::epoll_create1(0);
  for (const int fd : sockets.servers) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
  for (auto _ : state) {
    sockets.send_all();
    std::array<epoll_event, 256> events;
    const int n = ::epoll_wait(epoll, events.data(), events.size(), 0);
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      std::array<char, 16384> buffer;
      const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (::send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) std::abort();
    }
    for (const int fd : sockets.clients) {
      if (!Sockets::receive(fd)) std::abort();
    }
  }
  ::close(epoll);
  for (const int fd : sockets.servers) ::close(fd);
  bench::report_per_item(state, kConnections);
}
BENCHMARK(echo_raw);

plait::Task<> echo_chunks(plait::Stream stream) {
  while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
}

plait::Task<> echo_some(plait::Stream stream) {
  std::array<char, 16384> buffer;
  while (const auto n = co_await stream.read_some(buffer)) co_await stream.write(std::string_view(buffer.data(), n));
}

plait::Task<> ask(benchmark::State& state, plait::Task<> (*echo)(plait::Stream)) {
  const Sockets sockets;
  co_await plait::with_task_group([&](plait::TaskGroup& group) -> plait::Task<> {
    for (const int fd : sockets.servers) {
      auto shared = std::make_shared<plait::detail::SocketState>(plait::os::Fd(fd), plait::SocketAddress());
      group.spawn(echo(plait::Stream(std::move(shared))));
    }
    co_await plait::yield_now();
    for (auto _ : state) {
      sockets.send_all();
      for (const int fd : sockets.clients) {
        while (!Sockets::receive(fd)) co_await plait::yield_now();
      }
    }
    group.cancel();
  });
  bench::report_per_item(state, kConnections);
}

void echo_read_chunk(benchmark::State& state) { plait::run(ask(state, echo_chunks)); }
BENCHMARK(echo_read_chunk);

void echo_read_some(benchmark::State& state) { plait::run(ask(state, echo_some)); }
BENCHMARK(echo_read_some);

}  // namespace
