// SPDX-License-Identifier: BSL-1.0
// All that somebody writes who takes Plait into use: the headers compile; the library is found, linked and run.
#include <plait/plait.hpp>
#include <plait/version.hpp>
#ifdef WITH_TLS
#include <plait/tls.hpp>
#endif

#include <chrono>
#include <cstdio>

int answer() { return 42; }

plait::Task<int> amain() {
  co_await plait::sleep(std::chrono::milliseconds(1));
  std::puts(PLAIT_VERSION);
#ifdef WITH_TLS
  const plait::TlsContext context = plait::TlsContext::client();
  std::puts(context.state() ? "with TLS" : "");
#endif
  // The program was linked so that it can start processes.
  co_return co_await plait::spawn_process(answer) == 42 ? 0 : 1;
}

int main() { return plait::run(amain()); }
