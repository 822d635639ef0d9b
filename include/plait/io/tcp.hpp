// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/core/task.hpp"
#include "plait/core/timer.hpp"
#include "plait/io/stream.hpp"

namespace plait {
namespace detail {

class ListenerState final : public IoDescriptor {
 public:
  ListenerState(os::Fd fd, const os::SocketAddress& address) : IoDescriptor(std::move(fd)), address(address) {}
  std::string describe() const override { return address.text(); }

  const os::SocketAddress address;
  /// Descriptors or memory ran out: no accept before this.
  Atomic<TimePoint> rests_until{TimePoint{}};
};

/// Waits for a connection; after an accept that failed for want of descriptors or memory, only when a rest is over.
class Accept : public IoLeaf<Accept>, private Timer {
 public:
  explicit Accept(ListenerState& listener) noexcept : IoLeaf(Kind::accept, &listener, -1, &abort_accept) {}
  /// Before the start only, as all operations.
  Accept(Accept&& other) noexcept : IoLeaf(std::move(other)) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    return begin_accept(*frame.promise().strand, frame, address_of(at));
  }
  Stream take();

 private:
  static bool abort_accept(Operation& operation) noexcept;
  bool begin_accept(Strand& self, std::coroutine_handle<> frame, const void* at);
  void rest() noexcept;

  os::SocketAddress peer_;
};

}  // namespace detail

/// Accepts connections on a port. Move-only. One strand may wait in `accept` at a time. Destroying or closing it ends
/// that wait with std::system_error (EBADF); connections that nobody accepted are reset.
class Listener {
 public:
  /// Waits for a connection. Throws std::system_error; when descriptors or memory have run out (EMFILE and the like)
  /// the connection stays in the queue, and the next `accept` first rests for 50 ms, so that a server which only notes
  /// the error and goes on does not spin. On cancel: no connection was taken.
  [[nodiscard]] detail::Accept accept() { return detail::Accept(state()); }

  /// The port that it listens on; useful after asking for port 0.
  int port() const { return state().address.port(); }
  /// "127.0.0.1:80", "[::]:80".
  std::string address() const { return state().address.text(); }
  /// The descriptor, which the Listener goes on owning; -1 when closed.
  int native_handle() const { return state().fd.get(); }
  /// Stops listening. Idempotent, never waits. On the loop of the strand that accepts; anywhere if that is on a pool.
  void close() { state().close(); }

  /// For the library: takes over a listening, non-blocking socket.
  explicit Listener(os::Fd fd);

 private:
  detail::ListenerState& state() const {
    if (!state_) [[unlikely]]
      refuse_moved_from();
    return *state_;
  }
  [[noreturn]] static void refuse_moved_from();

  std::unique_ptr<detail::ListenerState> state_;
};

/// How `listen_tcp` listens. Trivially destructible.
struct ListenOptions {
  /// Connections that wait to be accepted, at most (the system may have a lower limit).
  int backlog = 4096;
};

/// Listens on `host`, an address in figures or "localhost" ("": all interfaces), and `port` (0: a free one, see
/// `Listener::port`). SO_REUSEADDR is set, so a restarted server gets its port at once. Throws std::system_error with
/// the address. On cancel: nobody listens.
[[nodiscard]] Task<Listener> listen_tcp(std::string host, int port, ListenOptions options = {});

/// Connects to `host` (an address in figures, or a name, looked up by getaddrinfo(3) in a thread) and `port`; of
/// several addresses the first that answers. Throws std::system_error with the first one if none does. TCP_NODELAY is
/// set, as asyncio and Go do. On cancel: there is no connection.
[[nodiscard]] Task<Stream> connect_tcp(std::string host, int port,
                                       std::source_location at = std::source_location::current());

}  // namespace plait
