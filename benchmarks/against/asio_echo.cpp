// SPDX-License-Identifier: BSL-1.0
// The echo servers on Asio: asio_echo callbacks|coroutines.
#include <asio.hpp>
#include <memory>
#include <string_view>
#include <utility>

#include "../echo.hpp"

namespace {

using asio::ip::tcp;
constexpr std::size_t kBufferSize = 16384;

struct Session : std::enable_shared_from_this<Session> {
  explicit Session(tcp::socket connection) : socket(std::move(connection)) { socket.set_option(tcp::no_delay(true)); }
  void read() {
    socket.async_read_some(asio::buffer(buffer.get(), kBufferSize),
                           [self = shared_from_this()](asio::error_code error, std::size_t n) {
                             if (!error) self->write(n);
                           });
  }
  void write(std::size_t n) {
    asio::async_write(socket, asio::buffer(buffer.get(), n),
                      [self = shared_from_this()](asio::error_code error, std::size_t /*written*/) {
                        if (!error) self->read();
                      });
  }

  tcp::socket socket;
  std::unique_ptr<char[]> buffer{new char[kBufferSize]};
};

void accept_by_callbacks(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](asio::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket))->read();
    accept_by_callbacks(acceptor);
  });
}

asio::awaitable<void> echo(tcp::socket socket) {
  const std::unique_ptr<char[]> buffer(new char[kBufferSize]);
  socket.set_option(tcp::no_delay(true));
  try {
    while (true) {
      const auto space = asio::buffer(buffer.get(), kBufferSize);
      const std::size_t n = co_await socket.async_read_some(space, asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(buffer.get(), n), asio::use_awaitable);
    }
  } catch (const std::system_error&) {
  }
}

asio::awaitable<void> accept_by_coroutines(tcp::acceptor& acceptor) {
  while (true) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), echo(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view way = argc == 2 ? argv[1] : "";
  if (way != "callbacks" && way != "coroutines") return 2;
  asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::v4(), bench::listen_and_announce());
  if (way == "callbacks") {
    accept_by_callbacks(acceptor);
  } else {
    asio::co_spawn(context, accept_by_coroutines(acceptor), asio::detached);
  }
  context.run();
}
