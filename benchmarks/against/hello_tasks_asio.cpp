// SPDX-License-Identifier: BSL-1.0
// The program 01_hello_tasks with Asio's coroutines; only its compile time is measured.
#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <cstdio>
#include <string_view>

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

asio::awaitable<void> slow(std::string_view mark, int n) {
  for (int i = 0; i < n; ++i) {
    asio::steady_timer timer(co_await asio::this_coro::executor, 500ms);
    co_await timer.async_wait(asio::use_awaitable);
    std::printf("%.3s line #%d from %d is completed\n", mark.data(), i, n);
  }
}

asio::awaitable<int> amain() {
  co_await (slow("---", 5) && slow("===", 5));
  co_return 0;
}

int main() {
  asio::io_context context(1);
  int result = 1;
  asio::co_spawn(context, amain(), [&](std::exception_ptr error, int value) {
    if (error) std::rethrow_exception(error);
    result = value;
  });
  context.run();
  return result;
}
