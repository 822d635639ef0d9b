// SPDX-License-Identifier: BSL-1.0
//
// Idea. As udp.cpp, with one difference: a Unix datagram is in the receiver's queue when the send returns, and a full
// queue refuses it. A connected sender is woken when there is room again; one that is not connected never is, because
// its socket has room all the time. So only the first may wait.
#include "plait/io/unix_datagram.hpp"

#include <cerrno>

#include "checkpoint.hpp"
#include "plait/base/contract.hpp"
#include "unix_path.hpp"

namespace plait {

void UnixDatagramSocket::refuse_moved_from() {
  detail::misuse("UnixDatagramSocket: it was moved from and holds no socket.");
}

UnixDatagramSocket::~UnixDatagramSocket() { remove_file(); }

void UnixDatagramSocket::close() {
  state().close();
  remove_file();
}

void UnixDatagramSocket::remove_file() noexcept {
  if (state_ && file_) os::remove_if_same(path_, *file_);
  file_.reset();
}

bool UnixDatagramSocket::try_send_to(std::string_view path, std::string_view data) {
  os::UnixAddress address = detail::checked_path(path, "send to");
  const detail::DescriptorGuard guard(&state());
  const std::int64_t result =
      os::send_datagram(state().fd.get(), data.data(), data.size(), {address.data(), address.length()});
  if (result == -EAGAIN) return false;
  if (result < 0) os::throw_error(static_cast<int>(-result), "send to " + address.text());
  return true;
}

Task<UnixDatagramSocket> bind_unix_datagram(std::string path) {
  co_await detail::Checkpoint{};
  const os::UnixAddress address = detail::checked_path(path, "bind to");
  os::Fd fd = os::unix_socket(true);
  os::bind_unix(fd.get(), true, address);
  std::optional<os::FileIdentity> file;
  if (!address.is_abstract()) file = os::identity_of(path);
  auto state = std::make_unique<detail::DatagramState>(std::move(fd), address.text());
  co_return UnixDatagramSocket(std::move(state), std::move(path), file);
}

Task<UnixDatagramSocket> connect_unix_datagram(std::string path) {
  co_await detail::Checkpoint{};
  const os::UnixAddress address = detail::checked_path(path, "connect to");
  os::Fd fd = os::unix_socket(true);
  if (const int error = os::connect_unix(fd.get(), address)) {
    os::throw_error(-error, "connect to " + address.text());
  }
  std::string name = "a socket that is connected to " + address.text();
  co_return UnixDatagramSocket(std::make_unique<detail::DatagramState>(std::move(fd), std::move(name)), {}, {});
}

UnixDatagramPair unix_datagram_pair() {
  os::SocketPair ends = os::socket_pair(true);
  const auto socket = [](os::Fd fd) {
    auto state = std::make_unique<detail::DatagramState>(std::move(fd), "one end of a pair of datagram sockets");
    return UnixDatagramSocket(std::move(state), {}, {});
  };
  return {socket(std::move(ends.first)), socket(std::move(ends.second))};
}

}  // namespace plait
