// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "plait/io/tcp.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sched/spawn.hpp"

namespace plait::test {

struct Pair {
  Stream client, server;
};

inline Task<Pair> connected_pair() {
  Listener listener = co_await listen_tcp("127.0.0.1", 0);
  Stream client = co_await connect_tcp("127.0.0.1", listener.port());
  Stream server = co_await listener.accept();
  co_return Pair{std::move(client), std::move(server)};
}

inline Task<std::string> read_all(Stream& stream, std::size_t at_a_time = 4096) {
  std::string all, buffer(at_a_time, '\0');
  while (const std::size_t n = co_await stream.read_some(buffer)) all.append(buffer, 0, n);
  co_return all;
}

inline Task<std::size_t> read_once(Stream& stream) {
  char buffer[16];
  co_return co_await stream.read_some(buffer);
}

/// Closes a connection with a reset (RST), not with an end (FIN).
inline void reset(Stream stream) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

/// A listener whose queue is full, so that the next connect waits.
struct FullListener {
  Listener listener;
  std::vector<Stream> queued;
};

inline Task<FullListener> full_listener() {
  Listener listener = co_await listen_tcp("127.0.0.1", 0, {.backlog = 1});
  FullListener full{std::move(listener), {}};
  const int port = full.listener.port();
  while (true) {
    auto connecting = spawn(connect_tcp("127.0.0.1", port));
    co_await sleep(std::chrono::milliseconds(30));
    if (!connecting.done()) {
      connecting.cancel();
      EXPECT_THROW(co_await connecting, Cancelled);
      break;
    }
    full.queued.push_back(co_await std::move(connecting));
  }
  co_return full;
}

/// The code and the text of an error. UBSan's check of a member call opens a pipe to look at the object, which gives a
/// false alarm where the test has taken all descriptors away.
__attribute__((no_sanitize("vptr"))) inline std::string text_of(const std::system_error& error, int& code) {
  code = error.code().value();
  return error.what();
}

/// What `awaitable` throws: a std::system_error's text and code, or nothing.
template <class A>
Task<std::string> error_of(A&& awaitable, int& code) {
  code = 0;
  std::string text;
  try {
    co_await std::forward<A>(awaitable);
  } catch (const std::system_error& error) {
    text = text_of(error, code);
  }
  co_return text;
}

}  // namespace plait::test
