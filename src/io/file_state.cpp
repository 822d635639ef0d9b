// SPDX-License-Identifier: BSL-1.0
//
// Idea. Each read and write is tried at once with what the kernel has in memory, on this thread, which costs a system
// call and no more; a read that would wait for a disk goes to io_uring, or to a thread, and a write that would to a
// thread, as io_uring would start one for it, which costs more. What is large goes there anyway, because to copy it
// keeps the loop from others as a disk would.
//
// Every operation holds the state, so its descriptor's number is its own until it has ended.
#include "plait/io/file_state.hpp"

#include <algorithm>
#include <cerrno>

#include "plait/base/contract.hpp"
#include "plait/core/current_strand.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

/// More than this is not copied on the loop's thread.
constexpr std::size_t kMostAtOnce = std::size_t{256} << 10;
/// The most that a thread writes before it asks whether it was cancelled.
constexpr std::size_t kMostInThread = std::size_t{4} << 20;

/// One read(2) by the poller; on the descriptor's number only if the file never waits for readiness.
class ReadFile : public IoLeaf<ReadFile> {
 public:
  ReadFile(FileState& file, void* into, std::size_t size, std::int64_t at) noexcept
      : IoLeaf(Kind::read, file.waits ? &file : nullptr, file.fd.get()) {
    buffer = into;
    length = size;
    offset = at;
  }
  std::int64_t take() const noexcept { return result; }
};

/// A write to what waits, by the poller. `done_` is told what went out, whatever happens.
class WriteFile : public IoLeaf<WriteFile> {
 public:
  WriteFile(FileState& file, const void* from, std::size_t size, std::int64_t at, std::size_t& done) noexcept
      : IoLeaf(Kind::write, &file), done_(done) {
    buffer = const_cast<void*>(from);
    length = size;
    offset = at;
  }
  std::int64_t await_resume() {
    done_ += done;
    end();
    return result;
  }
  std::int64_t take() const noexcept { return result; }

 private:
  std::size_t& done_;
};

bool poller_waits(const Strand& self) { return self.scheduler->poller().waits_for_files(); }

/// Remembers that the kernel can't tell what is in memory: -EAGAIN then.
std::int64_t unless_unknown(std::int64_t n, Atomic<bool>& unknown) noexcept {
  if (n != -EOPNOTSUPP) return n;
  unknown.store(true, std::memory_order_relaxed);
  return -EAGAIN;
}

}  // namespace

std::string FileState::take(std::size_t n) {
  std::string bytes = taken == 0 && n == buffer.size() ? std::move(buffer) : buffer.substr(taken, n);
  taken += n;
  if (taken >= buffer.size()) drop_buffer();
  if (!waits) position += n;
  return bytes;
}

PositionUse::PositionUse(FileState& file) : file_(file) {
  if (file.waits || !file.in_use.exchange(true, std::memory_order_acquire)) return;
  misuse(file.path +
         ": another strand reads or writes at its position already (1 waits); one at a time, or use read_at and "
         "write_at.");
}

Task<std::size_t> read_piece(std::shared_ptr<FileState> state, FilePiece piece, std::source_location at) {
  const void* line = address_of(at);
  std::int64_t n = -EAGAIN;
  if (!state->waits && piece.size <= kMostAtOnce && !state->never_cached.load(std::memory_order_relaxed)) {
    const auto read = [&] {
      const std::int64_t got = os::read_cached(state->fd.get(), piece.data, piece.size, piece.offset);
      return unless_unknown(got, state->never_cached);
    };
    CallAtOnce call(read);
    n = co_await AtLine<decltype(call)&>(call, line);
  }
  if (n == -EAGAIN) {
    const Strand& self = co_await CurrentStrand{};
    if (state->waits || poller_waits(self)) {
      ReadFile read(*state, piece.data, piece.size, piece.offset);
      n = co_await AtLine<ReadFile&>(read, line);
    } else {
      auto read = to_thread(&os::read_file, state->fd.get(), piece.data, piece.size, piece.offset);
      n = co_await AtLine<decltype(read)&>(read, line);
    }
  }
  if (n < 0) IoDescriptor::fail(n, "read", state.get());
  co_return static_cast<std::size_t>(n);
}

Task<> write_piece(std::shared_ptr<FileState> state, FilePiece piece, std::size_t& done, std::source_location at) {
  const void* line = address_of(at);
  const auto rest = [&] { return static_cast<const char*>(piece.data) + done; };
  const auto offset = [&] { return piece.offset < 0 ? -1 : piece.offset + static_cast<std::int64_t>(done); };
  if (state->waits) {
    WriteFile write(*state, piece.data, piece.size, piece.offset, done);
    const std::int64_t n = co_await AtLine<WriteFile&>(write, line);
    if (n < 0) IoDescriptor::fail(n, "write", state.get());
    co_return;
  }
  bool at_once = !state->never_written_at_once.load(std::memory_order_relaxed);
  do {
    std::int64_t n = -EAGAIN;
    const std::size_t left = piece.size - done;
    if (at_once && left <= kMostAtOnce) {
      const auto write = [&] {
        const std::int64_t out = os::write_cached(state->fd.get(), rest(), left, offset());
        return unless_unknown(out, state->never_written_at_once);
      };
      CallAtOnce call(write);
      n = co_await AtLine<decltype(call)&>(call, line);
      if (n > 0) done += static_cast<std::size_t>(n);
      at_once = n > 0;
    }
    if (n == -EAGAIN) {
      auto write = to_thread(&os::write_whole, state->fd.get(), static_cast<const void*>(rest()),
                             std::min(left, kMostInThread), offset());
      const os::Written out = co_await AtLine<decltype(write)&>(write, line);
      done += out.done;
      n = -out.error;
    }
    if (n < 0) IoDescriptor::fail(n, "write", state.get());
  } while (done < piece.size);
}

}  // namespace detail
}  // namespace plait
