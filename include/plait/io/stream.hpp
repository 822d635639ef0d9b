// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plait/os/socket.hpp"
#include "plait/sched/poller.hpp"

namespace plait {
namespace detail {

/// What a Stream holds, at an address that does not change while operations refer to it.
class StreamState final : public IoDescriptor {
 public:
  StreamState(os::Fd fd, const os::SocketAddress& peer) : IoDescriptor(std::move(fd)), peer(peer) {}
  std::string describe() const override { return peer.text(); }

  const os::SocketAddress peer;
  /// How much of the latest write the kernel took.
  std::size_t written = 0;
};

class ReadSome : public IoLeaf<ReadSome> {
 public:
  ReadSome(StreamState& stream, void* into, std::size_t size) noexcept : IoLeaf(Kind::receive, &stream) {
    buffer = into;
    length = size;
  }
  std::size_t take() const {
    if (result < 0) [[unlikely]]
      IoDescriptor::fail(result, "read from", descriptor);
    return static_cast<std::size_t>(result);
  }
};

class WriteAll : public IoLeaf<WriteAll> {
 public:
  WriteAll(StreamState& stream, const void* from, std::size_t size) noexcept : IoLeaf(Kind::send, &stream) {
    buffer = const_cast<void*>(from);
    length = size;
  }
  /// As the base's, but what went out is known even if it throws.
  void await_resume() {
    {
      const DescriptorGuard guard(*this);
      if (descriptor) static_cast<StreamState*>(descriptor)->written = done;
    }
    end();
    if (result < 0) [[unlikely]]
      IoDescriptor::fail(result, "write to", descriptor);
  }
  void take() const noexcept {}
};

}  // namespace detail

/// A connection: bytes in order, both ways (asyncio's StreamReader and StreamWriter in one). Move-only. Reading and
/// writing wait in tasks (`co_await`) and in threads (`sync_wait`); one strand may read and one may write at a time,
/// also on different loops and pools, and a second one is refused with std::logic_error. Errors are std::system_error,
/// with the operation and the peer's address. Buffers must live until the operation has ended.
///
/// Destroying a Stream closes it. Who waits for it gets std::system_error (EBADF); do that on the loop of those who
/// wait, or, if they are on a ThreadPool, `close` it anywhere and destroy it when they have ended: there nobody can
/// tell whether one of them has just gone on.
class Stream {
 public:
  /// Reads what is there, at least one byte, and waits only if there is nothing. The number of bytes; 0 at the end,
  /// when the peer has shut down its side, and for an empty buffer. On cancel: nothing was read.
  [[nodiscard]] detail::ReadSome read_some(std::span<std::byte> into) { return {state(), into.data(), into.size()}; }
  [[nodiscard]] detail::ReadSome read_some(std::span<char> into) { return {state(), into.data(), into.size()}; }

  /// Writes all of `data`, waiting while the peer does not read (back-pressure). On cancel: `written` says how much
  /// went out, and the rest never will.
  [[nodiscard]] detail::WriteAll write(std::span<const std::byte> data) { return {state(), data.data(), data.size()}; }
  [[nodiscard]] detail::WriteAll write(std::string_view data) { return {state(), data.data(), data.size()}; }
  /// How many bytes of the latest `write` went out to the kernel: all, unless it was cancelled or failed.
  std::size_t written() const { return state().written; }

  /// Tells the peer that nothing more comes (its reads end with 0); reading goes on. Never waits. A peer that is gone
  /// already is no error.
  void shutdown_write();
  /// Closes the connection; the kernel still delivers what was written. Idempotent, never waits for the peer. Who waits
  /// for it gets std::system_error (EBADF). Throws std::logic_error if that is a strand of another event loop; one on a
  /// ThreadPool is told from any thread.
  void close();

  /// "127.0.0.1:80", "[::1]:80".
  std::string peer_address() const { return state().peer.text(); }
  /// The descriptor, which the Stream goes on owning; -1 when closed.
  int native_handle() const { return state().fd.get(); }

  /// For the library: takes over a connected, non-blocking socket.
  explicit Stream(std::unique_ptr<detail::StreamState> state) noexcept : state_(std::move(state)) {}

 private:
  detail::StreamState& state() const {
    if (!state_) [[unlikely]]
      refuse_moved_from();
    return *state_;
  }
  [[noreturn]] static void refuse_moved_from();

  std::unique_ptr<detail::StreamState> state_;
};

}  // namespace plait
