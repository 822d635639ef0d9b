// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/base/time.hpp"
#include "plait/core/task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/io/listener.hpp"

namespace plait {

class Event;

/// What a handler of `serve` threw, as `ServeOptions::on_error` sees it.
struct ServeError {
  /// Never Cancelled.
  std::exception_ptr error;
  /// Whose connection it was: "127.0.0.1:4711". If the server could not accept: its own address.
  std::string peer;
};

/// How `serve` serves. Trivially destructible.
struct ServeOptions {
  /// Connections at a time; while there are so many none is accepted, and others wait in the listener's queue. 0: no
  /// limit.
  std::size_t max_connections = 0;
  /// When it is set, by any strand, the server stops gracefully: it accepts no more and closes the listener, waits
  /// `grace` for the handlers to end by themselves, cancels those that have not, and then `serve` returns. Handlers may
  /// look at it as well, to end between two requests. Must outlive the server. Null: it serves until it is cancelled.
  Event* stop = nullptr;
  /// How long a graceful stop waits for the handlers.
  Duration grace = std::chrono::seconds(10);
  /// Told of what a handler threw, when its connection is closed; must not throw, and never waits. Also of the server's
  /// want of descriptors, once until it has accepted again. Null: one line on stderr with the peer. On a ThreadPool it
  /// may be called by several threads at a time.
  void (*on_error)(const ServeError& error) = nullptr;
};

namespace detail {

/// A handler, whatever it is.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  virtual Task<> handle(Stream stream) = 0;
};

template <class F>
class HandlerOf final : public ConnectionHandler {
 public:
  template <class G>
  explicit HandlerOf(G&& f) : f_(std::forward<G>(f)) {}
  Task<> handle(Stream stream) override { return std::invoke(f_, std::move(stream)); }

 private:
  F f_;
};

Task<> serve_connections(Listener listener, std::unique_ptr<ConnectionHandler> handler, ServeOptions options,
                         std::source_location at);

}  // namespace detail

/// What `serve` calls for each connection.
template <class F>
concept HandlesConnections = std::same_as<std::invoke_result_t<std::decay_t<F>&, Stream>, Task<>>;

/// Accepts connections and runs `handler(stream)`, a coroutine, for each of them, as tasks of one group
/// (asyncio.start_server and serve_forever, trio.serve_tcp). The handler is kept as long as its coroutines; a
/// connection ends with its Stream, at the latest with its coroutine. An exception of a handler ends its own connection
/// and goes to `on_error`; it never ends the server. When descriptors or memory have run out it rests, tells `on_error`
/// once and goes on. Returns after `ServeOptions::stop`; throws std::system_error if the listener fails for another
/// reason, after the handlers were cancelled and have ended. On cancel: it accepts no more, the handlers are cancelled
/// and awaited, and Cancelled passes on.
template <HandlesConnections F>
[[nodiscard]] Task<> serve(Listener listener, F&& handler, ServeOptions options = {},
                           std::source_location at = std::source_location::current()) {
  detail::refuse_twice_destroyed<F>();
  auto kept = std::make_unique<detail::HandlerOf<std::decay_t<F>>>(std::forward<F>(handler));
  return detail::serve_connections(std::move(listener), std::move(kept), options, at);
}

}  // namespace plait
