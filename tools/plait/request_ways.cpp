// SPDX-License-Identifier: BSL-1.0
// The IO-bound half: the same requests to a slow server, sent in each way; a connection for each strand.
#include <fmt/format.h>

#include <stdexcept>
#include <string>

#include "answer.hpp"
#include "crew.hpp"
#include "parts.hpp"
#include "work_list.hpp"

namespace plait::tool {
namespace {

constexpr const char* kHost = "127.0.0.1";

FileResult result_of(Sha256& hash, std::span<const std::byte> answer) {
  FileResult result;
  hash.update(answer);
  result.digest = hash.finish();
  result.size = answer.size();
  result.settled = 1;
  return result;
}

Task<> ask(Stream& server, std::size_t i, std::span<std::byte> answer) {
  const std::string request = fmt::format("{}\n", i);
  co_await server.write(request);
  while (!answer.empty()) {
    const std::size_t got = co_await server.read_some(answer);
    if (got == 0) throw std::runtime_error("the server ended the connection");
    answer = answer.subspan(got);
  }
}

// What a thread does: the same operations, waited for.
void ask_until_done(int port, WorkList& list) {
  Stream server = sync_wait(connect_tcp(kHost, port));
  Sha256 hash;
  Answer answer;
  while (auto i = list.take()) {
    sync_wait(ask(server, *i, answer));
    list.settle(*i, result_of(hash, answer));
  }
}

Task<> ask_awaiting_until_done(int port, WorkList& list) {
  Stream server = co_await connect_tcp(kHost, port);
  Sha256 hash;
  Answer answer;
  while (auto i = list.take()) {
    co_await ask(server, *i, answer);
    list.settle(*i, result_of(hash, answer));
  }
}

Task<> ask_and_send_to_threads_until_done(int port, WorkList& list) {
  Stream server = co_await connect_tcp(kHost, port);
  Sha256 hash;
  Answer answer;
  while (auto i = list.take()) {
    co_await ask(server, *i, answer);
    list.settle(*i, co_await to_thread([&] { return result_of(hash, answer); }));
  }
}

}  // namespace

Sample send_requests(Way way, int port, const Board& board) {
  Meter meter;
  WorkList list(board, meter);
  switch (way) {
    case Way::kSequential:
      ask_until_done(port, list);
      break;
    case Way::kThreads:
      crew_of_threads(meter, kInFlight, [&] { ask_until_done(port, list); });
      break;
    case Way::kCoroutines:
      return run(crew_of_tasks(meter, kInFlight, [&] { return ask_awaiting_until_done(port, list); }));
    case Way::kCoroutinesAndThreads:
      return run(crew_of_tasks(meter, kInFlight, [&] { return ask_and_send_to_threads_until_done(port, list); }));
    case Way::kProcesses:
      throw std::logic_error("processes send no requests");
  }
  return meter.stop();
}

}  // namespace plait::tool
