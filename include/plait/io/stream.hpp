// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plait/core/async_generator.hpp"
#include "plait/core/task.hpp"
#include "plait/io/chunk.hpp"
#include "plait/io/stream_errors.hpp"
#include "plait/io/stream_state.hpp"

namespace plait {

/// Bytes in order: a connection, both ways, or the end of a pipe, one way (asyncio's StreamReader and StreamWriter in
/// one). Move-only. Reading and writing wait in tasks (`co_await`) and in threads (`sync_wait`); one strand may read
/// and one may write at a time, also on different loops and pools, and a second one is refused with std::logic_error.
/// Errors are std::system_error, with the operation and the peer. A write to a pipe that nobody reads is such an error
/// (EPIPE) and never SIGPIPE. A connection that was reset stays an error for whoever reads; it never looks as if it had
/// ended. Buffers and data that an operation is given must live until it has ended.
///
/// The reads may be mixed: what one of them leaves is where the next one begins. What a read that was cancelled had
/// before is kept for the next one.
///
/// Destroying a Stream closes it. Who waits for it gets std::system_error (EBADF); do that on the loop of those who
/// wait, or, if they are on a ThreadPool, `close` it anywhere and destroy it when they have ended: there nobody can
/// tell whether one of them has just gone on.
class Stream {
 public:
  /// How far `read_until`, `read_line` and `lines` look for a separator unless they are told: 1 MiB.
  static constexpr std::size_t kLimit = std::size_t{1} << 20;

  /// Reads what is there, at least one byte, and waits only if there is nothing. The number of bytes; 0 at the end,
  /// when the peer has shut down its side, and for an empty buffer. On cancel: nothing was read.
  [[nodiscard]] detail::ReadSome read_some(std::span<std::byte> into) { return {state(), into.data(), into.size()}; }
  [[nodiscard]] detail::ReadSome read_some(std::span<char> into) { return {state(), into.data(), into.size()}; }

  /// Reads what is there, in a buffer that is lent for it, and waits only if there is nothing: while it waits it has no
  /// buffer, so ten thousand idle connections have none. At the end it gives one that is false:
  ///
  ///     while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
  ///
  /// On cancel: nothing was read.
  [[nodiscard]] detail::ReadChunk read_chunk() { return detail::ReadChunk(state()); }

  /// Reads `size` bytes, no less and no more. Throws IncompleteReadError with what there was if the end comes before.
  /// On cancel: what came is kept for the next read.
  [[nodiscard]] Task<std::string> read_exactly(std::size_t size,
                                               std::source_location at = std::source_location::current()) {
    return exactly(share(), size, at);
  }

  /// Reads up to and with `separator`, which must not be empty. Throws LimitOverrunError, and takes nothing, if it is
  /// not within `limit` bytes; IncompleteReadError with what there was if the end comes before. On cancel: as
  /// `read_exactly`.
  [[nodiscard]] Task<std::string> read_until(std::string separator, std::size_t limit = kLimit,
                                             std::source_location at = std::source_location::current()) {
    return until(share(), std::move(separator), limit, at);
  }
  [[nodiscard]] Task<std::string> read_until(char separator, std::size_t limit = kLimit,
                                             std::source_location at = std::source_location::current()) {
    return until(share(), std::string(1, separator), limit, at);
  }

  /// Reads a line, with its newline; the last one may have none; "" at the end (readline). Throws LimitOverrunError as
  /// `read_until`. On cancel: as `read_exactly`.
  [[nodiscard]] Task<std::string> read_line(std::size_t limit = kLimit,
                                            std::source_location at = std::source_location::current()) {
    return line(share(), limit, at);
  }

  /// The lines as they come, without their newlines, to the end:
  ///
  ///     auto lines = stream.lines();
  ///     while (auto line = co_await lines.next()) use(*line);
  [[nodiscard]] AsyncGenerator<std::string> lines(std::size_t limit = kLimit,
                                                  std::source_location at = std::source_location::current()) {
    return all_lines(share(), limit, at);
  }

  /// Reads all up to the end. On cancel: as `read_exactly`.
  [[nodiscard]] Task<std::string> read_all(std::source_location at = std::source_location::current()) {
    return all(share(), at);
  }

  /// How many bytes have been read from the peer and wait for the next read.
  std::size_t buffered() const { return state().buffer ? state().buffer->size() : 0; }
  /// Takes them out, without a look at the peer. Never waits. For the strand that reads.
  std::string take_buffered();

  /// Writes all of `data`, waiting while the peer does not read (back-pressure). On cancel: `written` says how much
  /// went out, and the rest never will.
  [[nodiscard]] detail::WriteAll write(std::span<const std::byte> data) { return {state(), data.data(), data.size()}; }
  [[nodiscard]] detail::WriteAll write(std::string_view data) { return {state(), data.data(), data.size()}; }
  [[nodiscard]] detail::WriteAll write(const Chunk& chunk) { return write(chunk.bytes()); }

  /// Writes several pieces one after the other, a head and a body for instance, without copying them together (writev,
  /// StreamWriter.writelines). As `write` of one; `written` counts over all of them.
  template <detail::PieceLike A, detail::PieceLike B, detail::PieceLike... More>
  [[nodiscard]] detail::WriteThese<2 + sizeof...(More)> write(const A& first, const B& second, const More&... more) {
    return {state(), {detail::piece_of(first), detail::piece_of(second), detail::piece_of(more)...}};
  }
  /// The same for a list, which must live until the operation has ended.
  [[nodiscard]] detail::WritePieces write(std::span<const std::span<const std::byte>> pieces) {
    return {state(), pieces.data(), pieces.size(), &detail::piece_in<std::span<const std::byte>>};
  }
  [[nodiscard]] detail::WritePieces write(std::span<const std::string_view> pieces) {
    return {state(), pieces.data(), pieces.size(), &detail::piece_in<std::string_view>};
  }
  [[nodiscard]] detail::WritePieces write(std::span<const std::string> pieces) {
    return {state(), pieces.data(), pieces.size(), &detail::piece_in<std::string>};
  }

  /// How many bytes of the latest `write` went out to the kernel: all, unless it was cancelled or failed.
  std::size_t written() const { return state().written; }

  /// Tells the peer that nothing more comes (its reads end with 0); reading goes on. Never waits. A peer that is gone
  /// already is no error. A pipe, which has nothing else to do, is closed.
  void shutdown_write();
  /// Closes it; the kernel still delivers what was written, and what was read and not asked for is lost. Idempotent,
  /// never waits for the peer. Who waits for it gets std::system_error (EBADF). Throws std::logic_error if that is a
  /// strand of another event loop; one on a ThreadPool is told from any thread.
  void close();

  /// "127.0.0.1:80", "[::1]:80"; of a pipe what it is, as in "the output of \"cat\"".
  std::string peer_address() const { return state().describe(); }
  /// The descriptor, which the Stream goes on owning; -1 when closed.
  int native_handle() const { return state().fd.get(); }

  Stream(Stream&&) noexcept = default;
  /// Closes what it held.
  Stream& operator=(Stream&& other) noexcept {
    Stream(std::move(other)).swap(*this);
    return *this;
  }
  ~Stream() {
    if (state_) state_->end_or_fail();
  }
  void swap(Stream& other) noexcept { state_.swap(other.state_); }

  /// For the library: takes over a non-blocking descriptor.
  explicit Stream(std::shared_ptr<detail::StreamState> state) noexcept : state_(std::move(state)) {}
  /// For the library: what it shares with its operations.
  const std::shared_ptr<detail::StreamState>& shared_state() const { return share(); }
  /// For the library: gives the descriptor up, which nobody waits for; the Stream is closed then. Throws
  /// std::logic_error if bytes are in the buffer, which would be lost.
  os::Fd release();
  /// For the library: gives all of it to a layer, and the Stream is as if moved from. Throws std::logic_error as
  /// `release`, and if somebody waits for it.
  std::shared_ptr<detail::StreamState> give_to_layer();

 private:
  /// Operations of more than one step keep it alive.
  using Shared = std::shared_ptr<detail::StreamState>;

  detail::StreamState& state() const { return *share(); }
  const Shared& share() const {
    if (!state_) [[unlikely]]
      refuse_moved_from();
    return state_;
  }
  [[noreturn]] static void refuse_moved_from();
  void refuse_to_lose_bytes() const;

  static Task<> pass(detail::StreamState& state, std::source_location at);
  static Task<bool> fill(detail::StreamState& state, std::source_location at);
  static Task<std::string> exactly(Shared state, std::size_t size, std::source_location at);
  static Task<std::string> until(Shared state, std::string separator, std::size_t limit, std::source_location at);
  static Task<std::string> line(Shared state, std::size_t limit, std::source_location at);
  static AsyncGenerator<std::string> all_lines(Shared state, std::size_t limit, std::source_location at);
  static Task<std::string> all(Shared state, std::source_location at);

  Shared state_;
};

}  // namespace plait
