// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "plait/base/time.hpp"
#include "plait/core/task.hpp"
#include "plait/io/stream.hpp"
#include "plait/sched/timeout.hpp"
#include "plait/tls/tls_context.hpp"
#include "plait/tls/tls_stream.hpp"

namespace plait {

/// How `tls_handler` takes connections. Trivially destructible.
struct TlsHandlerOptions {
  /// A client that has not ended its handshake by then is given up.
  Duration handshake = std::chrono::seconds(10);
};

/// A handler for `serve` that speaks TLS round another one; made by `tls_handler`. Copies share the other one.
template <class Handler>
class TlsHandler {
 public:
  TlsHandler(TlsContext context, Handler handler, const TlsHandlerOptions& options)
      : context_(std::move(context)), handler_(std::make_shared<Handler>(std::move(handler))), options_(options) {}

  /// Takes one connection. Throws TlsError, TimeoutError, and what the handler throws. On cancel: wherever it is.
  Task<> operator()(Stream stream) const { return handle(std::move(stream), context_, handler_, options_); }

 private:
  static Task<> handle(Stream stream, TlsContext context, std::shared_ptr<Handler> handler, TlsHandlerOptions options) {
    auto handshake = tls_accept(std::move(stream), context);
    Stream inside = co_await timeout(options.handshake, std::move(handshake));
    co_await (*handler)(std::move(inside));
  }

  TlsContext context_;
  std::shared_ptr<Handler> handler_;
  TlsHandlerOptions options_;
};

/// Makes a handler of streams one of TLS connections: `serve(std::move(listener), tls_handler(context, handler))`.
/// A client whose handshake fails, or takes too long, is an error of its connection alone.
template <class Handler>
[[nodiscard]] TlsHandler<Handler> tls_handler(TlsContext context, Handler handler,
                                              const TlsHandlerOptions& options = {}) {
  return {std::move(context), std::move(handler), options};
}

}  // namespace plait
