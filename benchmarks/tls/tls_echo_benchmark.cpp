// SPDX-License-Identifier: BSL-1.0
//
// An echo server over TLS, messages of 16 KiB on one connection: Plait's beside a loop by hand round epoll and OpenSSL,
// with the same cipher. The client is the same blocking one; what counts is the server's processor time.
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

#include "../../tests/support/certificates.hpp"
#include "plait/tls.hpp"
#include "tls/tls_context_state.hpp"

namespace {

constexpr std::size_t kSize = 16 * 1024;
const plait::test::Identity& identity() {
  static const plait::test::Identity one = plait::test::Authority().issue_for("localhost");
  return one;
}

double processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

plait::TlsContext server_context() {
  return plait::TlsContext::server({.certificate = identity().certificate, .key = identity().key});
}

/// Serves one connection of `fd`, which it owns: the processor time that the echo took.
double serve_with_plait(int fd) {
  return plait::run([&]() -> plait::Task<double> {
    plait::os::Fd owned(fd);
    plait::os::set_nonblocking(fd);
    plait::Stream tcp(std::make_shared<plait::detail::SocketState>(std::move(owned), plait::os::SocketAddress()));
    plait::Stream stream = co_await plait::tls_accept(std::move(tcp), server_context());
    const double begin = processor_time();
    std::string buffer(kSize, '\0');
    while (const std::size_t n = co_await stream.read_some(buffer)) {
      co_await stream.write(std::string_view(buffer.data(), n));
    }
    co_return processor_time() - begin;
  });
}

double serve_by_hand(int fd) {
  const plait::TlsContext context = server_context();
  SSL_CTX* raw = context.state()->get();
  // As OpenSSL comes, but for what both need.
  SSL_CTX_clear_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL* ssl = SSL_new(raw);
  SSL_set_fd(ssl, fd);
  if (SSL_accept(ssl) != 1) std::abort();
  plait::os::set_nonblocking(fd);
  const int poller = ::epoll_create1(0);
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {}};
  ::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  const double begin = processor_time();
  std::string buffer(kSize, '\0');
  for (bool open = true; open;) {
    ::epoll_wait(poller, &event, 1, -1);
    while (true) {
      const int n = SSL_read(ssl, buffer.data(), static_cast<int>(kSize));
      if (n <= 0) {
        open = SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ;
        break;
      }
      while (SSL_write(ssl, buffer.data(), n) <= 0) ::epoll_wait(poller, &event, 1, -1);
    }
  }
  const double spent = processor_time() - begin;
  SSL_free(ssl);
  ::close(poller);
  ::close(fd);
  return spent;
}

void echo(benchmark::State& state, double (*serve)(int)) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 1) != 0) std::abort();
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(client, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
  const int accepted = ::accept(listener, nullptr, nullptr);
  const int on = 1;
  ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  double spent = 0;
  std::thread server([&] { spent = serve(accepted); });

  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, client);
  if (SSL_connect(ssl) != 1) std::abort();
  const std::string message(kSize, 'm');
  std::string answer(kSize, '\0');
  for ([[maybe_unused]] auto _ : state) {
    SSL_write(ssl, message.data(), static_cast<int>(kSize));
    for (int got = 0; got < static_cast<int>(kSize);) {
      const int n = SSL_read(ssl, answer.data(), static_cast<int>(kSize) - got);
      if (n <= 0) std::abort();
      got += n;
    }
  }
  SSL_shutdown(ssl);
  ::shutdown(client, SHUT_WR);
  server.join();
  state.SetLabel(SSL_get_cipher_name(ssl));
  state.counters["server_us"] = spent * 1e6 / static_cast<double>(state.iterations());
  SSL_free(ssl);
  SSL_CTX_free(context);
  ::close(client);
  ::close(listener);
}

BENCHMARK_CAPTURE(echo, plait, serve_with_plait)->UseRealTime();
BENCHMARK_CAPTURE(echo, by_hand, serve_by_hand)->UseRealTime();

}  // namespace
