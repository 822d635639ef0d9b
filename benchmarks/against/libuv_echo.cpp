// SPDX-License-Identifier: BSL-1.0
// The echo server on libuv: it tries to write at once, and queues what is left.
#include <uv.h>

#include <array>
#include <cstring>
#include <memory>

#include "../echo.hpp"

namespace {

/// One buffer for all, as libuv reads only when its callback can take the bytes.
std::array<char, 65536> buffer;

struct Write {
  uv_write_t request;
  std::unique_ptr<char[]> bytes;
};

void lend(uv_handle_t* /*handle*/, std::size_t /*size*/, uv_buf_t* result) {
  *result = uv_buf_init(buffer.data(), buffer.size());
}
void on_closed(uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); }
void on_written(uv_write_t* request, int /*status*/) { delete static_cast<Write*>(request->data); }

void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* from) {
  if (n < 0) return uv_close(reinterpret_cast<uv_handle_t*>(stream), &on_closed);
  uv_buf_t bytes = uv_buf_init(from->base, static_cast<unsigned>(n));
  const int tried = uv_try_write(stream, &bytes, 1);
  if (tried == n) return;
  const auto gone = static_cast<std::size_t>(tried < 0 ? 0 : tried);
  const auto left = static_cast<std::size_t>(n) - gone;
  auto* const rest = new Write{{}, std::unique_ptr<char[]>(new char[left])};
  std::memcpy(rest->bytes.get(), from->base + gone, left);
  rest->request.data = rest;
  bytes = uv_buf_init(rest->bytes.get(), static_cast<unsigned>(left));
  if (uv_write(&rest->request, stream, &bytes, 1, &on_written) != 0) delete rest;
}

void on_connection(uv_stream_t* listener, int status) {
  if (status != 0) return;
  auto* const connection = new uv_tcp_t;
  uv_tcp_init(listener->loop, connection);
  auto* const stream = reinterpret_cast<uv_stream_t*>(connection);
  if (uv_accept(listener, stream) != 0) {
    return uv_close(reinterpret_cast<uv_handle_t*>(connection), &on_closed);
  }
  uv_tcp_nodelay(connection, 1);
  uv_read_start(stream, &lend, &on_read);
}

}  // namespace

int main() {
  const int fd = bench::listen_and_announce();
  uv_tcp_t listener;
  uv_tcp_init(uv_default_loop(), &listener);
  uv_tcp_open(&listener, fd);
  if (const int error = uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, &on_connection)) {
    bench::die("uv_listen", -error);
  }
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
