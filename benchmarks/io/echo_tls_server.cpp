// SPDX-License-Identifier: BSL-1.0
// The same by TLS: echo_tls_server CERTIFICATE KEY.
#include <plait/plait.hpp>
#include <plait/tls.hpp>
#include <string>

#include "../echo.hpp"

namespace {

plait::Task<> echo(plait::Stream stream) {
  while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
}

plait::Task<> amain(std::string certificate, std::string key) {
  const plait::TlsContext context = plait::TlsContext::server({.certificate = certificate, .key = key});
  plait::Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
  bench::announce(listener.port());
  co_await plait::serve(std::move(listener), plait::tls_handler(context, echo));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  bench::allow_many_descriptors();
  plait::run(amain(argv[1], argv[2]));
}
