// SPDX-License-Identifier: BSL-1.0
// The load of benchmarks/io/echo: echo_load WAY PORT PID CONNECTIONS BYTES SECONDS. One thread, blocking sockets. Each
// connection has one request on its way at any time: its reply is read when its turn comes, and the next request sent
// at once. It prints what that cost the process PID, the server. It never sleeps: here it costs some 50 µs to wake a
// thread, and the two would wait for each other.
//
// WAY: echo; tls, the same by TLS 1.3 with AES-128-GCM; close, a new connection for each request; idle, which measures
// how much the server's resident memory grows by CONNECTIONS that had one reply each.
#include <openssl/ssl.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../echo.hpp"

namespace {

double seconds_on(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// The process that is measured.
class Server {
 public:
  explicit Server(pid_t pid) : folder_("/proc/" + std::to_string(pid)) {
    if (clock_getcpuclockid(pid, &clock_) != 0) bench::die("server");
  }
  double cpu() const { return seconds_on(clock_); }
  /// To 10 ms, by the kernel's ticks.
  double user() const {
    std::ifstream file(folder_ + "/stat");
    file.ignore(std::numeric_limits<std::streamsize>::max(), ')');
    std::string word;
    for (int i = 0; i < 11; ++i) file >> word;
    double ticks = 0;
    file >> ticks;
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  double resident_bytes() const {
    std::ifstream file(folder_ + "/statm");
    double all = 0, resident = 0;
    file >> all >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
  }

 private:
  std::string folder_;
  clockid_t clock_{};
};

struct Target {
  int port;
  /// Null: no TLS.
  SSL_CTX* tls;
};

class Connection {
 public:
  /// From an address of its own for each `turn`, so that the ports of connections that were closed do not run out.
  explicit Connection(const Target& target, unsigned turn = 0) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int one = 1;
    setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    const sockaddr_in from = bench::loopback(0, INADDR_LOOPBACK + 256 + turn % 200);
    const sockaddr_in to = bench::loopback(target.port);
    if (fd_ < 0 || bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      bench::die("connect");
    }
    bench::set_no_delay(fd_);
    if (!target.tls) return;
    tls_ = SSL_new(target.tls);
    SSL_set_fd(tls_, fd_);
    if (SSL_connect(tls_) != 1) bench::die("handshake", EPROTO);
  }
  Connection(Connection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), tls_(std::exchange(other.tls_, nullptr)) {}
  Connection& operator=(Connection&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(tls_, other.tls_);
    return *this;
  }
  ~Connection() {
    if (tls_) SSL_shutdown(tls_);
    SSL_free(tls_);
    if (fd_ >= 0) close(fd_);
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = tls_ ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                             : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) bench::die("send", EPIPE);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void expect(std::string_view bytes) {
    static std::unique_ptr<char[]> buffer{new char[std::size_t{1} << 20]};
    for (std::size_t got = 0; got < bytes.size();) {
      char* const into = buffer.get() + got;
      const std::size_t left = bytes.size() - got;
      ssize_t n;
      if (tls_) {
        while (SSL_pending(tls_) == 0 && !is_readable()) spin();
        n = SSL_read(tls_, into, static_cast<int>(left));
      } else {
        while ((n = recv(fd_, into, left, MSG_DONTWAIT)) < 0 && errno == EAGAIN) spin();
      }
      if (n <= 0) bench::die("receive", EPIPE);
      got += static_cast<std::size_t>(n);
    }
    if (std::memcmp(buffer.get(), bytes.data(), bytes.size()) != 0) bench::die("reply", EBADMSG);
  }

 private:
  bool is_readable() const {
    char byte;
    return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }
  static void spin() {
    for (int i = 0; i < 50; ++i) __builtin_ia32_pause();
  }

  int fd_;
  SSL* tls_ = nullptr;
};

SSL_CTX* tls_client() {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  return context;
}

void print(double requests, double seconds, double cpu, double user, double load, double bytes) {
  std::printf(
      "{\"requests\": %.0f, \"seconds\": %.6f, \"cpu\": %.6f, \"user\": %.2f, \"load\": %.6f, \"bytes\": %.0f}\n",
      requests, seconds, cpu, user, load, bytes);
}

/// Calls `request(i)` for each of `connections` in turn, for 0.2 s to warm up and then for `seconds`, and prints.
template <class F>
void measure(const Server& server, double seconds, std::size_t connections, F request) {
  const auto run_for = [&](double length) {
    const double begin = seconds_on(CLOCK_MONOTONIC);
    double requests = 0;
    while (seconds_on(CLOCK_MONOTONIC) - begin < length) {
      for (std::size_t i = 0; i < connections; ++i) request(i);
      requests += static_cast<double>(connections);
    }
    return requests;
  };
  run_for(0.2);
  const double cpu = server.cpu(), user = server.user();
  const double load = seconds_on(CLOCK_PROCESS_CPUTIME_ID), begin = seconds_on(CLOCK_MONOTONIC);
  const double requests = run_for(seconds);
  print(requests, seconds_on(CLOCK_MONOTONIC) - begin, server.cpu() - cpu, server.user() - user,
        seconds_on(CLOCK_PROCESS_CPUTIME_ID) - load, 0);
}

/// With one reply each, so that the server has accepted them; 64 at a time, which a listener's queue takes.
void connect_all(std::vector<Connection>& connections, std::size_t count, const Target& target,
                 std::string_view message) {
  while (connections.size() < count) {
    const std::size_t begin = connections.size();
    while (connections.size() < count && connections.size() - begin < 64) {
      connections.emplace_back(target);
      connections.back().write(message);
    }
    for (std::size_t i = begin; i < connections.size(); ++i) connections[i].expect(message);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const std::string_view way = argv[1];
  const Target target{std::atoi(argv[2]), way == "tls" ? tls_client() : nullptr};
  const Server server(std::atoi(argv[3]));
  const auto count = static_cast<std::size_t>(std::atoi(argv[4]));
  const std::string message(static_cast<std::size_t>(std::atoi(argv[5])), 'x');
  const double seconds = std::atof(argv[6]);
  bench::allow_many_descriptors();
  std::vector<Connection> connections;
  if (way == "close") {
    unsigned turn = 0;
    const auto connect = [&] { connections.emplace_back(target, turn++).write(message); };
    connections.reserve(count);
    for (std::size_t i = 0; i < count; ++i) connect();
    measure(server, seconds, count, [&](std::size_t i) {
      connections[i].expect(message);
      connections[i] = Connection(target, turn++);
      connections[i].write(message);
    });
    for (Connection& connection : connections) connection.expect(message);
  } else if (way == "idle") {
    connect_all(connections, 64, target, message);
    const double before = server.resident_bytes();
    connect_all(connections, 64 + count, target, message);
    print(static_cast<double>(count), 0, server.cpu(), server.user(), 0, server.resident_bytes() - before);
  } else {
    connect_all(connections, count, target, message);
    for (Connection& connection : connections) connection.write(message);
    measure(server, seconds, count, [&](std::size_t i) {
      connections[i].expect(message);
      connections[i].write(message);
    });
    for (Connection& connection : connections) connection.expect(message);
  }
}
