// SPDX-License-Identifier: BSL-1.0
//
// Idea. A handshake is a few operations that perform themselves on the layer that the Stream will be: it reads until it
// is done, and writes where its answers find no room. The Stream is there from the beginning and closes the connection
// wherever the handshake ends.
#include "plait/tls/tls_stream.hpp"

#include <memory>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/io/tcp.hpp"
#include "tls/tls_state.hpp"

namespace plait {
namespace detail {
namespace {

class HandshakeStep : public IoLeaf<HandshakeStep> {
 public:
  HandshakeStep(TlsState& state, bool makes_room) noexcept
      : IoLeaf(makes_room ? Kind::own_write : Kind::own_read, &state) {
    eager = true;
    perform = [](IoOperation& operation) noexcept {
      auto& state = static_cast<TlsState&>(*operation.descriptor);
      return operation.reads() ? state.try_handshake(operation.fd) : state.try_flush(operation.fd);
    };
  }
  std::int64_t take() const {
    if (result < 0) IoDescriptor::fail(result, "handshake with", descriptor);
    return result;
  }
};

Task<Stream> shake_hands(Stream stream, std::shared_ptr<TlsContextState> context, std::string server_name,
                         std::source_location at) {
  auto state = std::make_shared<TlsState>(std::move(stream), std::move(context), server_name);
  Stream inside(state);
  while (true) {
    HandshakeStep step(*state, false);
    if (co_await AtLine<HandshakeStep&>(step, address_of(at)) == TlsState::kDone) break;
    HandshakeStep room(*state, true);
    co_await AtLine<HandshakeStep&>(room, address_of(at));
  }
  co_return inside;
}

Task<Stream> connect_and_shake_hands(std::string host, int port, TlsContext context, std::source_location at) {
  Stream stream = co_await connect_tcp(host, port, {}, at);
  co_return co_await shake_hands(std::move(stream), context.state(), std::move(host), at);
}

const std::shared_ptr<TlsContextState>& checked(const TlsContext& context, bool server) {
  if (context.state()->is_server() != server) {
    misuse(server ? "tls_accept(): a client's context; a server needs one with a certificate (TlsContext::server)."
                  : "tls_connect(): a server's context; a client needs one of TlsContext::client.");
  }
  return context.state();
}

}  // namespace
}  // namespace detail

Task<Stream> tls_connect(Stream stream, const TlsContext& context, TlsConnectOptions options, std::source_location at) {
  return detail::shake_hands(std::move(stream), detail::checked(context, false), std::string(options.server_name), at);
}

Task<Stream> connect_tls(std::string host, int port, const TlsContext& context, std::source_location at) {
  detail::checked(context, false);
  return detail::connect_and_shake_hands(std::move(host), port, context, at);
}

Task<Stream> tls_accept(Stream stream, const TlsContext& context, std::source_location at) {
  return detail::shake_hands(std::move(stream), detail::checked(context, true), std::string(), at);
}

std::optional<TlsInfo> tls_info(const Stream& stream) {
  const auto* state = dynamic_cast<const detail::TlsState*>(stream.shared_state().get());
  if (!state) return {};
  return state->info();
}

}  // namespace plait
