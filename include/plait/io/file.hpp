// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <utility>

#include "plait/core/task.hpp"
#include "plait/sched/poller.hpp"

namespace plait {
namespace detail {

/// What a File and its running reads share: the descriptor is closed when the last of them lets go, so that its number
/// is not used again under a read in another thread.
class FileState final : public IoDescriptor {
 public:
  FileState(os::Fd fd, std::string path, bool waits)
      : IoDescriptor(std::move(fd)), path(std::move(path)), waits(waits) {}
  std::string describe() const override { return path; }

  const std::string path;
  /// A pipe, terminal or the like, non-blocking: its reads wait for readiness, not for a disk.
  const bool waits;
};

}  // namespace detail

/// A file that is read without blocking the event loop: by the kernel (io_uring), or in threads of `to_thread`'s pool
/// (epoll); what has readiness, as a FIFO or a terminal, is waited for without a thread. Move-only. Tasks `co_await`
/// its operations, threads `sync_wait` them. Errors are std::system_error, with the operation and the path. Buffers
/// must live until the operation has ended.
class File {
 public:
  /// Reads what comes next, at least one byte: the number of bytes, 0 at the end. One strand at a time. On cancel: ends
  /// by Cancelled with nothing read, except that a read in another thread is waited for and counts.
  [[nodiscard]] Task<std::size_t> read_some(std::span<std::byte> into,
                                            std::source_location at = std::source_location::current()) {
    return read(share(), {into.data(), into.size(), -1}, at);
  }
  /// The same for characters.
  [[nodiscard]] Task<std::size_t> read_some(std::span<char> into,
                                            std::source_location at = std::source_location::current()) {
    return read(share(), {into.data(), into.size(), -1}, at);
  }

  /// Reads at `offset` bytes from the beginning and leaves the position alone (pread(2)); any number of strands at a
  /// time. Less than asked for only before the end or by a signal; 0 at the end. On cancel: as `read_some`.
  [[nodiscard]] Task<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into,
                                          std::source_location at = std::source_location::current()) {
    return read(share(), {into.data(), into.size(), static_cast<std::int64_t>(offset)}, at);
  }
  /// The same for characters.
  [[nodiscard]] Task<std::size_t> read_at(std::uint64_t offset, std::span<char> into,
                                          std::source_location at = std::source_location::current()) {
    return read(share(), {into.data(), into.size(), static_cast<std::int64_t>(offset)}, at);
  }

  /// Closes it; what is used after that throws std::system_error (EBADF). Idempotent, never waits. Reads that wait for
  /// a pipe's readiness end with that error too; other running reads finish first.
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
  explicit File(std::shared_ptr<detail::FileState> state) noexcept : state_(std::move(state)) {}

 private:
  struct Piece {
    void* into;
    std::size_t size;
    std::int64_t offset;
  };

  const std::shared_ptr<detail::FileState>& share() const;
  static Task<std::size_t> read(std::shared_ptr<detail::FileState> state, Piece piece, std::source_location at);

  std::shared_ptr<detail::FileState> state_;
};

/// Opens `path` for reading. An open that waits, as that of a FIFO without a writer does, waits beside the loop. Throws
/// std::system_error with the path. On cancel: nothing is open; under epoll an open that hangs keeps a thread of the
/// pool until it returns.
[[nodiscard]] Task<File> open_file(std::string path, std::source_location at = std::source_location::current());

}  // namespace plait
