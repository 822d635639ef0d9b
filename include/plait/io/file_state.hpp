// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/core/task.hpp"
#include "plait/os/file.hpp"
#include "plait/sched/poller.hpp"

namespace plait::detail {

/// What a File and its running operations share: the descriptor is closed when the last of them lets go, so that its
/// number is not used again under a read in another thread.
class FileState final : public IoDescriptor {
 public:
  FileState(os::Fd fd, std::string path, bool waits)
      : IoDescriptor(std::move(fd)), path(std::move(path)), waits(waits) {}
  std::string describe() const override { return path; }

  /// Bytes that have been read and not yet asked for; the first of them is at the position.
  std::string_view buffered() const noexcept { return std::string_view(buffer).substr(taken); }
  /// Takes the first `n` of them out.
  std::string take(std::size_t n);
  /// The next read asks the file.
  void drop_buffer() noexcept {
    buffer.clear();
    taken = 0;
  }

  const std::string path;
  /// A pipe, terminal or the like, non-blocking: its operations wait for readiness, not for a disk, and it has no
  /// position.
  const bool waits;
  bool appends = false;
  /// The kernel has said that it does not know for this file what is in memory.
  Atomic<bool> never_cached{false}, never_written_at_once{false};

  // What follows belongs to the strand that reads or writes at the position, which has `in_use`; of a file that waits
  // the buffer belongs to the reader and `written` to the writer.

  Atomic<bool> in_use{false};
  /// Where the next read or write begins.
  std::uint64_t position = 0;
  std::string buffer;
  std::size_t taken = 0;
  /// How much of the latest write at the position went out.
  std::size_t written = 0;
};

/// Bytes in memory, and where in a file they go or come from; negative: where the kernel says, at the end for instance.
struct FilePiece {
  void* data;
  std::size_t size;
  std::int64_t offset;
};

/// One read: the number of bytes, 0 at the end. On cancel: nothing was read.
Task<std::size_t> read_piece(std::shared_ptr<FileState> state, FilePiece piece, std::source_location at);
/// Writes all of it; `done`, 0 at first, is what went out, whatever happens.
Task<> write_piece(std::shared_ptr<FileState> state, FilePiece piece, std::size_t& done, std::source_location at);

/// Holds the position of a file for one operation. Throws std::logic_error if another strand has it.
class PositionUse {
 public:
  explicit PositionUse(FileState& file);
  ~PositionUse() {
    if (!file_.waits) file_.in_use.store(false, std::memory_order_release);
  }
  PositionUse(const PositionUse&) = delete;
  PositionUse& operator=(const PositionUse&) = delete;

 private:
  FileState& file_;
};

/// A checkpoint, and then a system call that never waits, on this thread: `call()` gives its result, or minus an errno,
/// and -EAGAIN if it would wait, which is for the caller to do.
template <class Call>
class CallAtOnce : public IoLeaf<CallAtOnce<Call>> {
 public:
  explicit CallAtOnce(Call call) noexcept
      : IoLeaf<CallAtOnce<Call>>(IoOperation::Kind::readable, nullptr), call_(std::move(call)) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    Strand& self = *frame.promise().strand;
    if (!this->check(self)) return false;
    this->result = call_();
    return this->result != kWouldWait && this->leave_at_once(self, frame, address_of(at));
  }
  std::int64_t take() const noexcept { return this->result; }

  static constexpr std::int64_t kWouldWait = -11;

 private:
  Call call_;
};

}  // namespace plait::detail
