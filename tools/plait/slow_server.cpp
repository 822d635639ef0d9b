// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>

#include <array>
#include <chrono>
#include <string>
#include <system_error>

#include "answer.hpp"
#include "child_process.hpp"
#include "parts.hpp"

namespace plait::tool {
namespace {

Task<> serve_one(Stream client) {
  try {
    std::string received;
    std::array<std::byte, 256> part;
    while (const std::size_t got = co_await client.read_some(part)) {
      received.append(reinterpret_cast<const char*>(part.data()), got);
      for (std::size_t end; (end = received.find('\n')) != std::string::npos; received.erase(0, end + 1)) {
        co_await sleep(std::chrono::milliseconds(kRequestMilliseconds));
        const Answer answer = answer_to(received.substr(0, end));
        co_await client.write(answer);
      }
    }
  } catch (const std::system_error&) {
    // A client that was ended in the middle; the next one counts.
  }
}

Task<> serve_until_killed(int report_fd) {
  Listener listener = co_await listen_tcp("127.0.0.1", 0);
  send_report(report_fd, std::to_string(listener.port()) + '\n');
  for (;;) {
    Stream client = co_await listener.accept();
    static_cast<void>(spawn(serve_one(std::move(client))));
  }
}

}  // namespace

int serve_slowly(int report_fd) {
  run(serve_until_killed(report_fd));
  return 0;
}

}  // namespace plait::tool
