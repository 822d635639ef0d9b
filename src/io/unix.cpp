// SPDX-License-Identifier: BSL-1.0
//
// Idea. A Unix stream is a socket as TCP's; only its address is another one. The file of a listener is told from one
// that took its place by device and inode, so closing never removes another server's socket.
#include "plait/io/unix.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "checkpoint.hpp"
#include "plait/sched/sleep.hpp"
#include "unix_path.hpp"

namespace plait {
namespace detail {
namespace {

constexpr Duration kFirstRest = std::chrono::milliseconds(1), kLongestRest = std::chrono::milliseconds(50);

/// A connection's, named by the path that it was made at, which those of one listener share.
class UnixState final : public StreamState {
 public:
  enum class Side : std::uint8_t { client, server, pair };
  UnixState(os::Fd fd, Side side, std::shared_ptr<const std::string> name) noexcept
      : StreamState(std::move(fd), Kind::socket), name_(std::move(name)), side_(side) {}

  std::string describe() const override {
    if (side_ == Side::pair) return "one end of a stream pair";
    if (side_ == Side::client) return *name_;
    const auto peer = os::peer_credentials(fd.get());
    return "a client of " + *name_ + (peer ? " (process " + std::to_string(peer->pid) + ")" : "");
  }

 private:
  const std::shared_ptr<const std::string> name_;
  const Side side_;
};

class UnixListenerState final : public ListenerState {
 public:
  UnixListenerState(os::Fd fd, const os::UnixAddress& address)
      : ListenerState(std::move(fd)), name_(std::make_shared<const std::string>(address.text())) {
    if (address.is_abstract()) return;
    path_ = address.path();
    file_ = os::identity_of(path_);
  }
  ~UnixListenerState() override { UnixListenerState::on_close(); }

  std::string describe() const override { return *name_; }
  Stream accepted(os::Fd fd, const os::SocketAddress&) const override {
    return Stream(std::make_shared<UnixState>(std::move(fd), UnixState::Side::server, name_));
  }
  void on_close() noexcept override {
    if (file_) os::remove_if_same(path_, *file_);
    file_.reset();
  }

 private:
  const std::shared_ptr<const std::string> name_;
  std::string path_;
  std::optional<os::FileIdentity> file_;
};

}  // namespace
}  // namespace detail

Task<Listener> listen_unix(std::string path, ListenOptions options) {
  co_await detail::Checkpoint{};
  const os::UnixAddress address = detail::checked_path(path, "listen on");
  os::Fd fd = os::unix_socket(false);
  os::bind_unix(fd.get(), false, address);
  os::listen_unix(fd.get(), address, options.backlog);
  co_return Listener(std::make_unique<detail::UnixListenerState>(std::move(fd), address));
}

Task<Stream> connect_unix(std::string path, std::source_location at) {
  co_await detail::Checkpoint{};
  const os::UnixAddress address = detail::checked_path(path, "connect to");
  os::Fd fd = os::unix_socket(false);
  int result = os::connect_unix(fd.get(), address);
  for (Duration rest = detail::kFirstRest; result == -EAGAIN; rest = std::min(2 * rest, detail::kLongestRest)) {
    auto pause = sleep(rest);
    co_await detail::AtLine<decltype(pause)&>(pause, detail::address_of(at));
    result = os::connect_unix(fd.get(), address);
  }
  if (result < 0) os::throw_error(-result, "connect to " + address.text());
  auto name = std::make_shared<const std::string>(address.text());
  co_return Stream(
      std::make_shared<detail::UnixState>(std::move(fd), detail::UnixState::Side::client, std::move(name)));
}

std::optional<PeerCredentials> peer_credentials(const Stream& stream) noexcept {
  return os::peer_credentials(stream.native_handle());
}

StreamPair stream_pair() {
  os::SocketPair ends = os::socket_pair(false);
  const auto stream = [](os::Fd fd) {
    return Stream(std::make_shared<detail::UnixState>(std::move(fd), detail::UnixState::Side::pair, nullptr));
  };
  return {stream(std::move(ends.first)), stream(std::move(ends.second))};
}

}  // namespace plait
