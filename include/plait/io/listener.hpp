// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <memory>
#include <source_location>
#include <string>

#include "plait/base/atomic.hpp"
#include "plait/core/timer.hpp"
#include "plait/io/stream.hpp"

namespace plait {
namespace detail {

/// What a Listener and its running accept share.
class ListenerState : public IoDescriptor {
 public:
  using IoDescriptor::IoDescriptor;

  /// The Stream of a connection that was accepted from `peer`.
  virtual Stream accepted(os::Fd fd, const os::SocketAddress& peer) const = 0;
  /// What `Listener::port` says.
  virtual int port() const noexcept { return 0; }
  /// It has been closed by hand.
  virtual void on_close() noexcept {}

  /// Descriptors or memory ran out: no accept before this.
  Atomic<TimePoint> rests_until{TimePoint{}};
};

/// Whether an accept failed for want of descriptors or memory, so that it is worth another try later.
bool out_of_resources(std::int64_t result) noexcept;

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

/// Accepts connections; made by `listen_tcp` and `listen_unix`. Move-only. One strand may wait in `accept` at a time;
/// `serve` does it for a whole server. Destroying or closing it ends that wait with std::system_error (EBADF);
/// connections that nobody accepted are reset.
class Listener {
 public:
  /// Waits for a connection. Throws std::system_error; when descriptors or memory have run out (EMFILE and the like)
  /// the connection stays in the queue, and the next `accept` first rests for 50 ms, so that a server which only notes
  /// the error and goes on does not spin. On cancel: no connection was taken.
  [[nodiscard]] detail::Accept accept() { return detail::Accept(state()); }

  /// The port that it listens on; useful after asking for port 0. 0 for a Unix socket.
  int port() const { return state().port(); }
  /// "127.0.0.1:80", "[::]:80"; the path of a Unix socket, "@name" if that is abstract.
  std::string address() const { return state().describe(); }
  /// The descriptor, which the Listener goes on owning; -1 when closed.
  int native_handle() const { return state().fd.get(); }
  /// Stops listening. Idempotent, never waits. On the loop of the strand that accepts; anywhere if that is on a pool.
  void close() {
    state().close();
    state().on_close();
  }

  /// For the library: takes over a listening, non-blocking socket.
  explicit Listener(std::unique_ptr<detail::ListenerState> state) noexcept : state_(std::move(state)) {}

 private:
  detail::ListenerState& state() const {
    if (!state_) [[unlikely]]
      refuse_moved_from();
    return *state_;
  }
  [[noreturn]] static void refuse_moved_from();

  std::unique_ptr<detail::ListenerState> state_;
};

}  // namespace plait
