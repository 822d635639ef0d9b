// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plait/core/async_generator.hpp"
#include "plait/core/task.hpp"
#include "plait/io/file_state.hpp"
#include "plait/io/stream_errors.hpp"

namespace plait {

/// A file that is read and written without blocking the event loop: what the kernel has in memory is read at once
/// (RWF_NOWAIT); else io_uring does it, or, under epoll, a thread of `to_thread`'s pool. What has readiness, as a FIFO
/// or a terminal, is waited for without a thread. Move-only. Tasks `co_await` its operations, threads `sync_wait` them.
/// Errors are std::system_error, with the operation and the path. Buffers and data must live until the operation has
/// ended.
///
/// A File has a position of its own, at which `read_…` and `write` begin and which they move; the descriptor's is not
/// touched. One strand at a time may use the position, and a second one is refused with std::logic_error; `read_at` and
/// `write_at` leave it alone, and any number of strands may do that at a time. Reads that look for something read
/// ahead, but never into the position. Writes are not buffered.
///
/// Cancelled means that it did not happen, and the position stays; but what another thread is doing already is waited
/// for and counts.
class File {
 public:
  /// How far `read_until`, `read_line` and `lines` look for a separator unless they are told: 1 MiB.
  static constexpr std::size_t kLimit = std::size_t{1} << 20;
  /// The line that waits, for who looks at it from outside.
  using At = std::source_location;

  /// Reads what comes next, at least one byte: the number of bytes, 0 at the end. On cancel: nothing was read.
  [[nodiscard]] Task<std::size_t> read_some(std::span<std::byte> into, At at = At::current()) {
    return some(share(), into.data(), into.size(), at);
  }
  /// The same for characters.
  [[nodiscard]] Task<std::size_t> read_some(std::span<char> into, At at = At::current()) {
    return some(share(), into.data(), into.size(), at);
  }

  /// Reads `size` bytes, no less and no more. Throws IncompleteReadError with what there was if the end comes before.
  /// On cancel: the position stays.
  [[nodiscard]] Task<std::string> read_exactly(std::size_t size, At at = At::current()) {
    return exactly(share(), size, at);
  }
  /// Reads up to and with `separator`, which must not be empty. Throws LimitOverrunError, and takes nothing, if it is
  /// not within `limit` bytes; IncompleteReadError with what there was if the end comes before. On cancel: the position
  /// stays.
  [[nodiscard]] Task<std::string> read_until(std::string separator, std::size_t limit = kLimit, At at = At::current()) {
    return until(share(), std::move(separator), limit, at);
  }
  /// Reads a line, with its newline; the last one may have none; "" at the end (readline). Throws LimitOverrunError as
  /// `read_until`. On cancel: the position stays.
  [[nodiscard]] Task<std::string> read_line(std::size_t limit = kLimit, At at = At::current()) {
    return line(share(), limit, at);
  }
  /// The lines as they come, without their newlines, to the end:
  ///
  ///     auto lines = file.lines();
  ///     while (auto line = co_await lines.next()) use(*line);
  ///
  /// The position is after the line that was given last. On cancel: it stays.
  [[nodiscard]] AsyncGenerator<std::string> lines(std::size_t limit = kLimit, At at = At::current()) {
    return all_lines(share(), limit, at);
  }
  /// Reads all from the position to the end. On cancel: the position stays.
  [[nodiscard]] Task<std::string> read_all(At at = At::current()) { return all(share(), at); }

  /// Reads at `offset` bytes from the beginning and leaves the position alone (pread(2)). Less than asked for only at
  /// the end, or by a signal; 0 at the end. On cancel: nothing was read.
  [[nodiscard]] Task<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into, At at = At::current()) {
    return whole_at(share(), {into.data(), into.size(), static_cast<std::int64_t>(offset)}, at);
  }
  /// The same for characters.
  [[nodiscard]] Task<std::size_t> read_at(std::uint64_t offset, std::span<char> into, At at = At::current()) {
    return whole_at(share(), {into.data(), into.size(), static_cast<std::int64_t>(offset)}, at);
  }

  /// Writes all of `data` at the position, or at the end of a file that was opened to append. That it went to the
  /// kernel does not mean that it is on the disk: see `sync`. On cancel, and after an error: `written` says how much
  /// went out, and the position is after that.
  [[nodiscard]] Task<> write(std::span<const std::byte> data, At at = At::current()) {
    return write_next(share(), data.data(), data.size(), at);
  }
  /// The same for characters.
  [[nodiscard]] Task<> write(std::string_view data, At at = At::current()) {
    return write_next(share(), data.data(), data.size(), at);
  }
  /// How many bytes of the latest `write` went out to the kernel: all, unless it was cancelled or failed.
  std::size_t written() const { return share()->written; }

  /// Writes all of `data` at `offset` bytes from the beginning and leaves the position alone (pwrite(2)); a file that
  /// was opened to append gets it at its end all the same. On cancel, and after an error: some of it may be written.
  [[nodiscard]] Task<> write_at(std::uint64_t offset, std::span<const std::byte> data, At at = At::current()) {
    return write_there(share(), offset, data.data(), data.size(), at);
  }
  /// The same for characters.
  [[nodiscard]] Task<> write_at(std::uint64_t offset, std::string_view data, At at = At::current()) {
    return write_there(share(), offset, data.data(), data.size(), at);
  }

  /// Waits until what was written is on the disk, with all that is needed to find it (fsync(2)); a new file's name also
  /// needs a `sync` of its directory. An error may belong to any earlier write, and is told once. On cancel: a sync
  /// that runs is waited for.
  [[nodiscard]] Task<> sync(At at = At::current()) { return sync_all(share(), false, at); }
  /// The same without times and the like (fdatasync(2)).
  [[nodiscard]] Task<> sync_data(At at = At::current()) { return sync_all(share(), true, at); }
  /// Cuts the file off, or lengthens it with zeros, to `size` bytes (ftruncate(2)). The position stays. On cancel: a
  /// running one is waited for.
  [[nodiscard]] Task<> truncate(std::uint64_t size, At at = At::current()) { return cut(share(), size, at); }

  /// The size in bytes, as the kernel knows it (fstat(2)). Never waits for a local disk. Throws std::system_error.
  std::uint64_t size() const;
  /// Where the next read or write begins, in bytes from the beginning (tell). 0 where there is no position. For the
  /// strand that reads or writes, as `seek`.
  std::uint64_t position() const { return share()->position; }
  /// Moves the position, also past the end. What was read ahead is forgotten. Throws std::system_error (ESPIPE) for a
  /// pipe, a terminal and the like, and std::logic_error while another strand reads or writes there. Never waits.
  void seek(std::uint64_t position);

  /// Closes it; what is used after that throws std::system_error (EBADF). Idempotent, never waits. Operations that wait
  /// for a pipe's readiness end with that error too; other running ones finish first. A file that a disk has refused
  /// since the last `sync` does not say so here.
  void close();
  /// The path that it was opened by.
  const std::string& path() const { return share()->path; }
  /// The descriptor, which the File goes on owning; -1 when closed.
  int native_handle() const noexcept { return state_ ? state_->fd.get() : -1; }

  File(File&&) noexcept = default;
  /// Closes what it held.
  File& operator=(File&& other) noexcept {
    File(std::move(other)).swap(*this);
    return *this;
  }
  ~File();
  void swap(File& other) noexcept { state_.swap(other.state_); }

  /// For the library.
  using Shared = std::shared_ptr<detail::FileState>;
  explicit File(Shared state) noexcept : state_(std::move(state)) {}
  /// For the library. Throws std::system_error (EBADF) when closed.
  const Shared& share() const;

 private:
  using Piece = detail::FilePiece;

  static Task<std::size_t> some(Shared state, void* into, std::size_t size, At at);
  static Task<std::size_t> whole_at(Shared state, Piece piece, At at);
  static Task<bool> fill(Shared state, At at);
  static Task<std::string> exactly(Shared state, std::size_t size, At at);
  static Task<std::string> until(Shared state, std::string separator, std::size_t limit, At at);
  static Task<std::string> line(Shared state, std::size_t limit, At at);
  static AsyncGenerator<std::string> all_lines(Shared state, std::size_t limit, At at);
  static Task<std::string> all(Shared state, At at);
  static Task<> write_next(Shared state, const void* from, std::size_t size, At at);
  static Task<> write_there(Shared state, std::uint64_t offset, const void* from, std::size_t size, At at);
  static Task<> sync_all(Shared state, bool data_only, At at);
  static Task<> cut(Shared state, std::uint64_t size, At at);

  Shared state_;
};

/// For what a file is opened.
enum class OpenMode : std::uint8_t {
  read,       ///< to read what is there ("r")
  update,     ///< to read and write what is there ("r+")
  keep,       ///< to read and write; made if it is not there, and never emptied
  write,      ///< to write; made, or emptied ("w")
  append,     ///< to write at its end; made if it is not there ("a")
  exclusive,  ///< to write; made, and must not be there before ("x")
};

/// How `open_file` opens. Trivially destructible.
struct OpenOptions {
  /// For what.
  OpenMode mode = OpenMode::read;
  /// Also to read, where the mode is to write ("w+", "a+", "x+").
  bool readable = false;
  /// Of a file that is made; the umask takes its part away.
  unsigned permissions = 0666;
  /// Programs that this process starts do not have it (O_CLOEXEC).
  bool close_on_exec = true;
};

/// Opens `path` (open). What the kernel knows already is opened at once, to read or update; the rest waits beside the
/// loop, also an open that waits for others, as that of a FIFO without a peer. On a network file system the loop may
/// wait for the server. Throws std::system_error with the path. On cancel: nothing is open, and nothing was made or
/// emptied, unless a thread was at it already, which is waited for; an open that hangs on a FIFO is given up, and may
/// keep a thread of the pool until it returns.
[[nodiscard]] Task<File> open_file(std::string path, OpenOptions options,
                                   std::source_location at = std::source_location::current());
/// The same with a mode, and the other options as they are: `open_file("log", OpenMode::append)`.
[[nodiscard]] Task<File> open_file(std::string path, OpenMode mode = OpenMode::read,
                                   std::source_location at = std::source_location::current());

/// Takes over a descriptor that is open already (os.fdopen): one that another call opened, or another process sent.
/// Errors name it `path`. What has readiness is made non-blocking, for all who share its open file description. The
/// position is the beginning, wherever the descriptor's is. Throws std::system_error (EBADF), and closes it. Never
/// waits.
[[nodiscard]] File adopt_file(os::Fd descriptor, std::string path);

}  // namespace plait
