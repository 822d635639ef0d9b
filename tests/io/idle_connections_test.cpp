// SPDX-License-Identifier: BSL-1.0
//
// Ten thousand connections on which nothing happens, each with a task that waits in `read_chunk`, on one loop.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <vector>

#include "plait/plait.hpp"
#include "support/descriptors.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::open_descriptors;
using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// Lets this process have `wanted` descriptors, or as many as it may; how many.
std::size_t raise_descriptor_limit(rlim_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit higher{.rlim_cur = wanted, .rlim_max = std::max(wanted, limit.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &higher) != 0) {
    limit.rlim_cur = std::min(limit.rlim_max, wanted);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

/// A client that is no more than its descriptor.
os::Fd plain_client(int port) {
  os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = *SocketAddress::from_figures("127.0.0.1", static_cast<std::uint16_t>(port));
  EXPECT_EQ(os::connect(fd.get(), address), 0);
  return fd;
}

TEST(IdleConnections, TenThousandAreSmallAndQuietAndAllAnswer) {
  constexpr std::size_t kWanted = kSanitized ? 1000 : 10'000, kBatch = 200, kSpare = 400;
  const std::size_t limit = raise_descriptor_limit(2 * kWanted + kSpare);
  const std::size_t count = std::min(kWanted, (limit - std::min(limit, kSpare)) / 2);
  if (count < kWanted / 20) GTEST_SKIP() << "this process may have " << limit << " descriptors only";
  run(yield_now());
  const std::size_t descriptors = open_descriptors();
  static std::size_t waiting, ended;
  waiting = ended = 0;
  run([&]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    const auto handler = [](Stream stream) -> Task<> {
      struct Ended {
        ~Ended() { ++ended; }
      } const at_the_end;
      ++waiting;
      while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
    };
    auto server = spawn(serve(std::move(listener), handler));
    std::vector<os::Fd> clients;
    clients.reserve(count);
    const auto connect_until = [&](std::size_t wanted) -> Task<> {
      while (clients.size() < wanted) {
        const std::size_t next = std::min(wanted, clients.size() + kBatch);
        while (clients.size() < next) clients.push_back(plain_client(port));
        while (waiting < next) co_await yield_now();
      }
    };
    co_await connect_until(count / 10);
    ::malloc_trim(0);  // what earlier tests left must not serve
    const std::size_t before = resident_bytes();
    co_await connect_until(count);
    const std::size_t each = (resident_bytes() - before) / (count - count / 10);
    std::printf("%zu connections, %zu bytes of resident memory each\n", count, each);
    testing::Test::RecordProperty("bytes_each", static_cast<int>(each));
    if (!kSanitized) {
      EXPECT_LE(each, 2048u);
    }

    const std::clock_t begin = std::clock();
    co_await sleep(300ms);
    EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC / 20);

    for (const os::Fd& client : clients) EXPECT_EQ(os::send(client.get(), "?", 1), 1);
    std::size_t answers = 0;
    for (const os::Fd& client : clients) {
      char byte = 0;
      while (::recv(client.get(), &byte, 1, MSG_DONTWAIT) != 1) co_await yield_now();
      answers += byte == '?';
    }
    EXPECT_EQ(answers, count);

    EXPECT_EQ(ended, 0u);
    server.cancel();
    EXPECT_THROW(co_await server, Cancelled);
    EXPECT_EQ(ended, count);
    std::size_t ends = 0;
    for (const os::Fd& client : clients) {
      char byte = 0;
      ends += ::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0;
    }
    EXPECT_EQ(ends, count);
  });
  EXPECT_EQ(open_descriptors(), descriptors);
}

}  // namespace
}  // namespace plait
