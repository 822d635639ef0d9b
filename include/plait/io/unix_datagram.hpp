// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plait/core/task.hpp"
#include "plait/io/datagram_state.hpp"
#include "plait/os/unix_socket.hpp"

namespace plait {

/// What `UnixDatagramSocket::receive_from` gives.
struct UnixDatagram {
  std::size_t size = 0;    ///< Bytes of it in the buffer.
  bool truncated = false;  ///< It was longer than the buffer, and the rest is lost.
  std::string from;        ///< The path of who sent it; empty if that socket has none.

  static std::string sender(const os::UnixAddress& from) { return from.path(); }
};

/// Datagrams between processes of this machine: whole, in order, none lost (AF_UNIX, SOCK_DGRAM). Made by
/// `bind_unix_datagram` and `connect_unix_datagram`. Move-only. As UdpSocket, but a send waits while the receiver's
/// queue is full. Destroying the socket removes the file that it was bound to, if it is still the same.
class UnixDatagramSocket {
 public:
  /// Waits for a datagram. On cancel: none was taken.
  [[nodiscard]] detail::ReceiveFrom<os::UnixAddress, UnixDatagram> receive_from(std::span<std::byte> into) {
    return {state(), into.data(), into.size()};
  }
  [[nodiscard]] detail::ReceiveFrom<os::UnixAddress, UnixDatagram> receive_from(std::span<char> into) {
    return {state(), into.data(), into.size()};
  }
  /// The same where the sender is known or does not matter: the number of bytes in the buffer.
  [[nodiscard]] detail::ReceiveDatagram receive(std::span<std::byte> into) {
    return {state(), into.data(), into.size()};
  }
  [[nodiscard]] detail::ReceiveDatagram receive(std::span<char> into) { return {state(), into.data(), into.size()}; }

  /// Sends one datagram to whom it is connected; waits while the queue there is full. On cancel: nothing was sent.
  [[nodiscard]] detail::SendTo<os::UnixAddress> send(std::span<const std::byte> data) {
    return {state(), data.data(), data.size(), os::UnixAddress()};
  }
  [[nodiscard]] detail::SendTo<os::UnixAddress> send(std::string_view data) {
    return {state(), data.data(), data.size(), os::UnixAddress()};
  }
  /// Sends one datagram to the socket at `path` if there is room in its queue, and false if there is not: a socket that
  /// is not connected is never told when there is. Never waits. Throws std::system_error with the path.
  [[nodiscard]] bool try_send_to(std::string_view path, std::string_view data);

  /// The descriptor, which the socket goes on owning; -1 when closed.
  int native_handle() const { return state().fd.get(); }
  /// Closes it; who waits for it gets std::system_error (EBADF). Idempotent, never waits. Where a Stream may be closed.
  void close();

  UnixDatagramSocket(UnixDatagramSocket&&) noexcept = default;
  UnixDatagramSocket& operator=(UnixDatagramSocket&&) = delete;
  ~UnixDatagramSocket();

  /// For the library.
  UnixDatagramSocket(std::unique_ptr<detail::DatagramState> state, std::string path,
                     std::optional<os::FileIdentity> file) noexcept
      : state_(std::move(state)), path_(std::move(path)), file_(file) {}

 private:
  detail::DatagramState& state() const {
    if (!state_) [[unlikely]]
      refuse_moved_from();
    return *state_;
  }
  [[noreturn]] static void refuse_moved_from();
  void remove_file() noexcept;

  std::unique_ptr<detail::DatagramState> state_;
  std::string path_;
  std::optional<os::FileIdentity> file_;
};

/// A socket that receives what is sent to the file `path`, or, with a NUL at the beginning, to an abstract name. A
/// stale socket file is removed first, as by `listen_unix`. Throws std::system_error with the path. On cancel: nothing
/// is bound, and nothing was removed.
[[nodiscard]] Task<UnixDatagramSocket> bind_unix_datagram(std::string path);
/// A socket without an address that sends to `path`. Throws std::system_error with the path. On cancel: there is no
/// socket.
[[nodiscard]] Task<UnixDatagramSocket> connect_unix_datagram(std::string path);

/// What `unix_datagram_pair` makes.
struct UnixDatagramPair {
  UnixDatagramSocket first, second;
};
/// Two sockets that are connected to each other. Throws std::system_error when descriptors have run out. Never waits.
UnixDatagramPair unix_datagram_pair();

}  // namespace plait
