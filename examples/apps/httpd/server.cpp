// SPDX-License-Identifier: BSL-1.0
//
// Idea. A task group holds everything: a thread with an event loop for each --loops, and the one that waits for
// signals. The listeners share a port (SO_REUSEPORT), so that the kernel spreads the connections and the loops share
// nothing but the files and one Event. The first signal sets that, and each loop ends by itself; the second one cancels
// the group, which reaches into the loops of its threads.
#include "server.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "connection.hpp"
#include "worker.hpp"

#ifdef HTTPD_TLS
#include <plait/tls.hpp>
#endif

namespace httpd {
namespace {

/// Of what a handler threw: clients that fail are not our news.
void tell(const plait::ServeError& failed) {
  try {
    std::rethrow_exception(failed.error);
  } catch (const plait::TimeoutError&) {
  } catch (const std::system_error& error) {
    const bool ours = error.code() == std::errc::too_many_files_open || error.code() == std::errc::not_enough_memory;
    if (ours) std::fprintf(stderr, "httpd: %s\n", error.what());
#ifdef HTTPD_TLS
  } catch (const plait::TlsError&) {
#endif
  } catch (const std::exception& error) {
    std::fprintf(stderr, "httpd: %s: %s\n", failed.peer.c_str(), error.what());
  }
}

plait::Task<> serve_site(Worker& worker, plait::Listener listener) {
  const Settings& settings = worker.site.settings;
  plait::ServeOptions options;
  options.max_connections = (settings.max_connections + settings.loops - 1) / settings.loops;
  options.stop = &worker.site.stop;
  options.grace = settings.grace;
  options.on_error = &tell;
  auto handler = [&worker](plait::Stream stream) { return handle_connection(worker, std::move(stream)); };
#ifdef HTTPD_TLS
  if (!settings.tls_certificate.empty()) {
    plait::TlsServerOptions tls;
    tls.certificate = settings.tls_certificate;
    tls.key = settings.tls_key;
    tls.alpn = "http/1.1";
    tls.allow_truncation = true;  // HTTP knows by itself when a message is complete
    plait::TlsHandlerOptions handshake;
    handshake.handshake = settings.head_timeout;
    auto inside = plait::tls_handler(plait::TlsContext::server(tls), handler, handshake);
    co_await plait::serve(std::move(listener), inside, options);
    co_return;
  }
#endif
  co_await plait::serve(std::move(listener), handler, options);
}

/// One loop, to its end.
plait::Task<> run_loop(Site& site, plait::Listener listener) {
  std::optional<plait::File> log;
  if (!site.settings.log.empty()) log = co_await plait::open_file(site.settings.log, plait::OpenMode::append);
  Worker worker(site, std::move(log));
  const auto body = [&](plait::TaskGroup& group) -> plait::Task<> {
    group.spawn(worker.log.run());
    group.spawn(worker.end_idle_waits());
    co_await serve_site(worker, std::move(listener));
    group.cancel();
  };
  const auto whole = [&] { return plait::with_task_group(body); };
  const auto last_lines = [&] { return worker.log.flush(); };
  co_await plait::finally(whole, last_lines);
}

plait::Task<> stop_on_signals(plait::Signals& signals, Site& site, plait::TaskGroup& group) {
  co_await signals.next();
  site.stop.set();
  co_await signals.next();
  group.cancel();
}

plait::Task<> run_loops(Site& site, plait::Signals& signals) {
  const Settings& settings = site.settings;
  co_await plait::with_task_group([&](plait::TaskGroup& group) -> plait::Task<> {
    plait::ListenOptions options;
    options.reuse_port = settings.loops > 1;
    std::vector<plait::Listener> listeners;
    int port = settings.port;
    for (int i = 0; i < settings.loops; ++i) {
      listeners.push_back(co_await plait::listen_tcp(settings.address, port, options));
      port = listeners.back().port();
    }
    const char* const scheme = settings.tls_certificate.empty() ? "http" : "https";
    std::printf("httpd: listening on %s://%s\n", scheme, listeners.front().address().c_str());
    std::fflush(stdout);
    auto signalled = group.spawn(stop_on_signals(signals, site, group));
    std::vector<plait::Future<void>> loops;
    for (plait::Listener& listener : listeners) {
      loops.push_back(group.spawn_thread(
          [&site](plait::Listener own) { plait::sync_wait(run_loop(site, std::move(own))); }, std::move(listener)));
    }
    for (plait::Future<void>& loop : loops) co_await loop;
    signalled.cancel();
    co_await group.join();
  });
}

}  // namespace

int run_server(const Settings& settings) {
  Site site(settings);
  // While this lives, Ctrl-C is ours, and not that of `run`.
  plait::Signals signals({SIGINT, SIGTERM});
  plait::run(run_loops(site, signals));
  return site.cut_off.load(std::memory_order_relaxed) == 0 ? 0 : 3;
}

}  // namespace httpd
