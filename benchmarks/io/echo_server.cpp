// SPDX-License-Identifier: BSL-1.0
// The echo server of benchmarks/io/echo, as a user would write it. PLAIT_POLLER chooses the poller.
#include <plait/plait.hpp>

#include "../echo.hpp"

namespace {

plait::Task<> echo(plait::Stream stream) {
  while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
}

plait::Task<> amain() {
  plait::Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
  bench::announce(listener.port());
  co_await plait::serve(std::move(listener), echo);
}

}  // namespace

int main() {
  bench::allow_many_descriptors();
  plait::run(amain());
}
