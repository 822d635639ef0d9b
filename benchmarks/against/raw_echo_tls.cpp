// SPDX-License-Identifier: BSL-1.0
// The echo server by hand on OpenSSL and epoll: raw_echo_tls CERTIFICATE KEY.
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "../echo.hpp"

namespace {

constexpr std::size_t kBufferSize = 16384;

struct Connection {
  SSL* tls;
  /// Read and not yet written; the peer is not read from as long as there is something.
  std::array<char, kBufferSize> bytes;
  int unsent = 0;
  bool accepted = false, waits_for_room = false;
};

class Server {
 public:
  Server(const char* certificate, const char* key) {
    SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(context_, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context_, key, SSL_FILETYPE_PEM) != 1) {
      bench::die("certificate", EINVAL);
    }
  }
  void serve(int listener) {
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, nullptr);
    std::array<epoll_event, 256> events;
    while (true) {
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) {
        auto* const connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (!connection) {
          accept_all(listener);
        } else if (!go_on(*connection)) {
          const int fd = SSL_get_fd(connection->tls);
          SSL_free(connection->tls);
          close(fd);
          delete connection;
        }
      }
    }
  }

 private:
  void watch(int what, int fd, unsigned events, Connection* connection) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = connection;
    if (epoll_ctl(epoll_, what, fd, &event) != 0) bench::die("epoll_ctl");
  }
  void accept_all(int listener) {
    for (int fd; (fd = bench::accept_next(listener, SOCK_NONBLOCK)) >= 0;) {
      auto* const connection = new Connection{SSL_new(context_), {}};
      SSL_set_fd(connection->tls, fd);
      SSL_set_accept_state(connection->tls);
      watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
  }
  /// False if the connection is over.
  bool go_on(Connection& connection) {
    SSL* const tls = connection.tls;
    if (!connection.accepted) {
      const int done = SSL_accept(tls);
      if (done != 1) return wait(connection, done);
      connection.accepted = true;
    }
    while (true) {
      if (connection.unsent == 0) {
        const int n = SSL_read(tls, connection.bytes.data(), kBufferSize);
        if (n <= 0) return wait(connection, n);
        connection.unsent = n;
      }
      const int gone = SSL_write(tls, connection.bytes.data(), connection.unsent);
      if (gone != connection.unsent) return wait(connection, gone);
      connection.unsent = 0;
    }
  }
  bool wait(Connection& connection, int result) {
    const int error = SSL_get_error(connection.tls, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
    const bool for_room = error == SSL_ERROR_WANT_WRITE;
    if (for_room != connection.waits_for_room) {
      watch(EPOLL_CTL_MOD, SSL_get_fd(connection.tls), for_room ? EPOLLOUT : EPOLLIN, &connection);
      connection.waits_for_room = for_room;
    }
    return true;
  }

  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  SSL_CTX* const context_ = SSL_CTX_new(TLS_server_method());
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  Server server(argv[1], argv[2]);
  server.serve(bench::listen_and_announce());
}
