// SPDX-License-Identifier: BSL-1.0
//
// Servers and clients in one process, over IPv4 and IPv6, plain and TLS, all at once, on one loop or on a pool;
// network_faults runs it where packets are lost, late or answered with a reset:
//
//     network_program exchange CONNECTIONS KIB [pool]    what was sent comes back, byte for byte
//     network_program resets CONNECTIONS 0 [pool]        every strand gets an error with the peer's address
//     network_program idle 0 0                           connections on which nothing happens cost nothing
//
// It prints what it did and ends with 0, or prints what was wrong and ends with 1. Whatever happens it must come to an
// end by itself, close what it opened and take no more processor time than the work asks for.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plait/plait.hpp"
#include "support/descriptors.hpp"
#ifdef PLAIT_TEST_TLS
#include "plait/tls.hpp"
#include "support/certificates.hpp"
#endif

namespace {

using namespace plait;
using namespace std::chrono_literals;

/// All has to be over by then.
constexpr auto kDeadline = 12s;
/// A handshake whose peer is gone without a word takes so long.
constexpr auto kHandshake = 2s;

/// How much more processor time this build may take.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kSlowness = 8;
#else
constexpr double kSlowness = 1;
#endif

std::atomic<int> faults{0};
void wrong(const std::string& sentence) {
  if (++faults <= 20) std::printf("wrong: %s\n", sentence.c_str());
}

/// Processor time of this process, user's and system's, in seconds.
double processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Bytes without a pattern, the same for the same seed.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  std::size_t below(std::size_t limit) { return next() % limit; }
  std::string bytes(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; i += 8) {
      const std::uint64_t word = next();
      std::memcpy(text.data() + i, &word, std::min<std::size_t>(8, size - i));
    }
    return text;
  }

 private:
  std::uint64_t state_;
};

/// One of the ways in which it is tried.
struct Way {
  const char* host;
  bool tls;
  int port = 0;
};

#ifdef PLAIT_TEST_TLS
const test::Authority& authority() {
  static const test::Authority one;
  return one;
}
const TlsContext& server_context() {
  static const test::Identity who = authority().issue({.name = "localhost", .alternatives = "DNS:localhost"});
  static const TlsContext one = TlsContext::server({.certificate = who.certificate, .key = who.key});
  return one;
}
const TlsContext& client_context() {
  static const std::string trusted = authority().certificate();
  static const TlsContext one = TlsContext::client({.authorities = trusted});
  return one;
}
#endif

/// The connection of a client, TLS included.
Task<Stream> opened(const Way& way) {
  Stream stream = co_await connect_tcp(way.host, way.port);
#ifdef PLAIT_TEST_TLS
  if (way.tls) {
    auto handshake = tls_connect(std::move(stream), client_context(), {.server_name = "localhost"});
    co_return co_await timeout(kHandshake, std::move(handshake));
  }
#endif
  co_return stream;
}

template <class Handler>
Task<> serving(Listener listener, bool tls, Handler handler, ServeOptions options) {
#ifdef PLAIT_TEST_TLS
  if (tls) {
    auto inside = tls_handler(server_context(), handler, {.handshake = kHandshake});
    co_await serve(std::move(listener), std::move(inside), options);
    co_return;
  }
#endif
  (void)tls;
  co_await serve(std::move(listener), handler, options);
}

std::vector<Way> all_ways() {
  std::vector<Way> ways{{"127.0.0.1", false}, {"::1", false}};
#ifdef PLAIT_TEST_TLS
  ways.push_back({"127.0.0.1", true});
  ways.push_back({"::1", true});
#endif
  return ways;
}

// exchange ------------------------------------------------------------------------------------------------------------

Task<> send_noise(Stream& stream, std::string_view data, Noise sizes) {
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, 1 + sizes.below(sizes.below(8) == 0 ? 200'000 : 3000));
    if (piece.size() % 2 == 0) {
      co_await stream.write(piece.substr(0, piece.size() / 2), piece.substr(piece.size() / 2));
    } else {
      co_await stream.write(piece);
    }
    data.remove_prefix(piece.size());
  }
  stream.shutdown_write();
}

/// Reads in all the ways that there are, up to the end.
Task<> expect_noise(Stream& stream, std::string_view data, Noise sizes) {
  const std::string name = stream.peer_address();
  std::size_t place = 0;
  const auto check = [&](std::string_view came) {
    if (data.substr(place, came.size()) != came) wrong(name + ": other bytes came than were sent");
    place += came.size();
  };
  while (place < data.size()) {
    const std::size_t most = std::min<std::size_t>(1 + sizes.below(100'000), data.size() - place);
    switch (sizes.below(3)) {
      case 0:
        check(co_await stream.read_exactly(most));
        break;
      case 1: {
        std::string buffer(most, '\0');
        const std::size_t n = co_await stream.read_some(buffer);
        if (n == 0) co_return wrong(name + ": the end came after " + std::to_string(place) + " bytes");
        check(std::string_view(buffer).substr(0, n));
        break;
      }
      default: {
        const Chunk chunk = co_await stream.read_chunk();
        if (!chunk) co_return wrong(name + ": the end came after " + std::to_string(place) + " bytes");
        check(chunk.text());
      }
    }
  }
  if (const std::string more = co_await stream.read_all(); !more.empty()) {
    wrong(name + ": " + std::to_string(more.size()) + " bytes too many came");
  }
}

Task<> echo(Stream stream) {
  while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
  stream.shutdown_write();
}

Task<> exchange(Way way, std::uint64_t seed, std::size_t size) {
  const std::string data = Noise(seed).bytes(size);
  Stream stream = co_await opened(way);
  co_await gather(send_noise(stream, data, Noise(seed + 1)), expect_noise(stream, data, Noise(seed + 2)));
}

// resets --------------------------------------------------------------------------------------------------------------

std::atomic<int> errors_heard{0}, silent{0}, refused{0};

/// An error that a strand ended with.
void heard(const std::string& error, const std::string& peer) {
  ++errors_heard;
  if (error.find(peer) == error.npos) wrong("the peer is " + peer + ", but the error does not say so: " + error);
}

Task<> read_for_ever(Stream& stream) {
  const std::string peer = stream.peer_address();
  try {
    while (co_await stream.read_chunk()) continue;
  } catch (const std::exception& error) {
    co_return heard(error.what(), peer);
  }
  wrong(peer + ": a connection that was reset looks as if it had ended");
}

Task<> write_for_ever(Stream& stream) {
  const std::string peer = stream.peer_address();
  const std::string data(20'000, 'x');
  try {
    while (true) {
      co_await stream.write(data);
      co_await sleep(1ms);
    }
  } catch (const std::exception& error) {
    heard(error.what(), peer);
  }
}

std::atomic<int> handlers{0};
Task<> read_and_write(Stream stream) {
  ++handlers;
  co_await gather(read_for_ever(stream), write_for_ever(stream));
  --handlers;
}

/// A handshake's end, on either side; who waits for a peer that is gone without a word has only its deadline.
void note_handshake(const std::exception_ptr& failed, const std::string& peer) {
  try {
    std::rethrow_exception(failed);
  } catch (const TimeoutError&) {
    ++silent;
  } catch (const std::exception& error) {
    heard(error.what(), peer);
  }
}

Task<> until_reset(Way way, std::uint64_t /*seed*/, std::size_t /*size*/) {
  std::exception_ptr failed;
  try {
    Stream stream = co_await opened(way);
    co_await gather(read_for_ever(stream), write_for_ever(stream));
  } catch (...) {
    failed = std::current_exception();
  }
  if (!failed) co_return;
  ++refused;
  note_handshake(failed, way.host);
}

// ---------------------------------------------------------------------------------------------------------------------

void note_server_error(const ServeError& error) {
  if (error.peer.find("127.0.0.1:") != 0 && error.peer.find("[::1]:") != 0) wrong("a peer named " + error.peer);
  note_handshake(error.error, error.peer);
}

void note_server_fault(const ServeError& error) { wrong("server, " + error.peer + ": " + describe(error.error)); }

template <class Client, class Handler>
Task<> run_all(Client client, Handler handler, int connections, std::size_t size, void (*on_error)(const ServeError&)) {
  Event stop;
  co_await with_task_group([&](TaskGroup& servers) -> Task<> {
    std::vector<Task<>> clients;
    std::uint64_t seed = 1;
    for (Way way : all_ways()) {
      Listener listener = co_await listen_tcp(way.host, 0);
      way.port = listener.port();
      const ServeOptions options{.stop = &stop, .grace = 5s, .on_error = on_error};
      servers.spawn(serving(std::move(listener), way.tls, handler, options));
      for (int i = 0; i < connections; ++i) clients.push_back(client(way, seed += 10, size));
    }
    co_await gather(std::move(clients));
    while (handlers != 0) co_await sleep(5ms);
    stop.set();
  });
}

/// Connections on which nothing happens cost nothing.
Task<> idle() {
  std::vector<Future<void>> servers;
  std::vector<Stream> streams;
  for (Way way : all_ways()) {
    Listener listener = co_await listen_tcp(way.host, 0);
    way.port = listener.port();
    servers.push_back(spawn(serving(std::move(listener), way.tls, echo, {})));
    for (int i = 0; i < 10; ++i) streams.push_back(co_await opened(way));
  }
  std::vector<Future<Chunk>> readers;
  for (Stream& stream : streams)
    readers.push_back(spawn([&]() -> Task<Chunk> { co_return co_await stream.read_chunk(); }));
  co_await sleep(100ms);
  const double before = processor_time();
  co_await sleep(500ms);
  const double taken = processor_time() - before;
  std::printf("idle: %.0f ms of processor time in half a second\n", 1000 * taken);
  if (taken > 0.05) wrong("idle connections take processor time");
  for (auto& reader : readers) reader.cancel();
  for (auto& server : servers) server.cancel();
}

Task<> all(std::string_view what, int connections, std::size_t size) {
  if (what == "exchange") {
    co_await run_all(exchange, echo, connections, size, &note_server_fault);
  } else if (what == "resets") {
    co_await run_all(until_reset, read_and_write, connections, size, &note_server_error);
  } else {
    co_await idle();
  }
}

Task<> all_in_time(std::string_view what, int connections, std::size_t size) {
  co_await timeout(kDeadline, all(what, connections, size));
}

Task<> a_moment() { co_await sleep(1ms); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return 2;
  const bool on_pool = argc == 5;
  const std::string_view what = argv[1];
  const int connections = std::atoi(argv[2]);
  const std::size_t size = static_cast<std::size_t>(std::atoi(argv[3])) * 1024;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  plait::run(yield_now());  // a loop's own descriptors stay
  if (on_pool) ThreadPool(2).run(a_moment());
  const std::size_t descriptors = test::open_descriptors();
  const double before = processor_time();
  const auto begin = std::chrono::steady_clock::now();
  try {
    Task<> work = all_in_time(what, connections, size);
    if (on_pool) {
      ThreadPool pool(2);
      pool.run(std::move(work));
    } else {
      plait::run(std::move(work));
    }
  } catch (...) {
    wrong("it ended with " + describe(std::current_exception()));
  }
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double taken = processor_time() - before;
  const auto ways = all_ways().size();
  const double sent = static_cast<double>(ways * static_cast<std::size_t>(connections) * size) / (1 << 20);
  // What it takes is a fifth of this, and a loop that spins while it waits takes more.
  const double most = kSlowness * (0.3 + 0.06 * sent + 0.001 * errors_heard.load());
  if (taken > most) wrong("it took more than " + std::to_string(most) + " s of processor time");
  std::printf("%s%s: %zu ways, %d connections each, %.1f MiB there and back, %.2f s, %.2f s of processor time\n",
              argv[1], on_pool ? " on a pool" : "", ways, connections, sent, wall, taken);
  if (what == "resets")
    std::printf("%d errors heard, %d never connected, %d timed out\n", errors_heard.load(), refused.load(),
                silent.load());
  if (test::open_descriptors() != descriptors) {
    wrong(std::to_string(test::open_descriptors()) + " descriptors are open, were " + std::to_string(descriptors));
  }
  return faults == 0 ? 0 : 1;
}
