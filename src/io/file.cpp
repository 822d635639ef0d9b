// SPDX-License-Identifier: BSL-1.0
//
// Idea. Each read and write is tried at once with what the kernel has in memory, on this thread, which costs a system
// call and no more; a read that would wait for a disk goes to io_uring, or to a thread, and a write that would to a
// thread, as io_uring would start one for it, which costs more. What is large goes there anyway, because to copy it
// keeps the loop from others as a disk would.
//
// The position is the File's, and all reads are positional: so an operation that was cancelled has moved nothing, and
// what was read ahead costs no one anything. What has no position, a pipe for instance, keeps what was read ahead.
//
// Invariants. 1. The first byte of the buffer is at the position. 2. Only who holds PositionUse touches them. 3. Every
// operation holds the state, so its descriptor's number is its own until it has ended.
#include "plait/io/file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

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
/// Read ahead at least.
constexpr std::size_t kLeastRoom = std::size_t{16} << 10;
/// A file's size is believed up to this; /proc has some of many TiB.
constexpr std::uint64_t kMostBelieved = std::uint64_t{64} << 20;

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

std::string sentence_of_end(const FileState& file, const std::string& what) {
  return "read " + file.path + ": it ended " + what;
}

Task<> checkpoint(std::source_location at) {
  const auto nothing = [] { return std::int64_t{0}; };
  CallAtOnce call(nothing);
  co_await AtLine<decltype(call)&>(call, address_of(at));
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

using detail::AtLine;
using detail::FileState;
using detail::PositionUse;

File::~File() {
  if (state_ && state_->waits) state_->close_or_fail();
}

void File::close() {
  if (state_ && state_->waits) state_->close();
  state_.reset();
}

const File::Shared& File::share() const {
  if (!state_) os::throw_error(EBADF, "use of a File that is closed");
  return state_;
}

std::uint64_t File::size() const {
  const std::int64_t size = os::file_size(share()->fd.get());
  if (size < 0) detail::IoDescriptor::fail(size, "look at", state_.get());
  return static_cast<std::uint64_t>(size);
}

void File::seek(std::uint64_t position) {
  if (share()->waits) os::throw_error(ESPIPE, "seek in " + path());
  const PositionUse use(*state_);
  state_->drop_buffer();
  state_->position = position;
}

// ---- Reading ----

Task<std::size_t> File::some(Shared state, void* into, std::size_t size, At at) {
  const PositionUse use(*state);
  if (const std::string_view ahead = state->buffered(); !ahead.empty()) {
    co_await detail::checkpoint(at);
    const std::size_t n = std::min(size, ahead.size());
    std::memcpy(into, ahead.data(), n);
    static_cast<void>(state->take(n));
    co_return n;
  }
  const std::int64_t offset = state->waits ? -1 : static_cast<std::int64_t>(state->position);
  const std::size_t n = co_await detail::read_piece(state, {into, size, offset}, at);
  if (!state->waits) state->position += n;
  co_return n;
}

/// A read of what is in memory may come short of the end; then the rest is read.
Task<std::size_t> File::whole_at(Shared state, Piece piece, At at) {
  std::size_t done = co_await detail::read_piece(state, piece, at);
  for (std::size_t n = done; n != 0 && done < piece.size && !state->waits; done += n) {
    const Piece rest{static_cast<char*>(piece.data) + done, piece.size - done,
                     piece.offset + static_cast<std::int64_t>(done)};
    n = co_await detail::read_piece(state, rest, at);
  }
  co_return done;
}

/// Reads ahead, what comes; false at the end.
Task<bool> File::fill(Shared state, At at) {
  const std::size_t held = state->buffer.size() - state->taken;
  std::string larger(std::max(detail::kLeastRoom, 2 * held), '\0');
  const std::int64_t offset = state->waits ? -1 : static_cast<std::int64_t>(state->position + held);
  std::memcpy(larger.data(), state->buffer.data() + state->taken, held);
  const std::size_t n = co_await detail::read_piece(state, {larger.data() + held, larger.size() - held, offset}, at);
  larger.resize(held + n);
  state->buffer = std::move(larger);
  state->taken = 0;
  co_return n != 0;
}

Task<std::string> File::exactly(Shared state, std::size_t size, At at) {
  const PositionUse use(*state);
  if (state->buffered().size() >= size) co_await detail::checkpoint(at);
  while (state->buffered().size() < size) {
    if (co_await fill(state, at)) continue;
    std::string partial = state->take(state->buffered().size());
    const std::string sentence = detail::sentence_of_end(
        *state, "after " + std::to_string(partial.size()) + " of " + std::to_string(size) + " bytes");
    throw IncompleteReadError(sentence, std::move(partial));
  }
  co_return state->take(size);
}

Task<std::string> File::until(Shared state, std::string separator, std::size_t limit, At at) {
  if (separator.empty()) detail::misuse("File::read_until(): the separator is empty.");
  const PositionUse use(*state);
  if (!state->buffered().empty()) co_await detail::checkpoint(at);
  std::size_t searched = 0;
  while (true) {
    const std::string_view bytes = state->buffered();
    const std::size_t found = bytes.find(separator, searched);
    if (found != bytes.npos && found + separator.size() <= limit) co_return state->take(found + separator.size());
    if (found != bytes.npos || bytes.size() >= limit) {
      throw LimitOverrunError("read " + state->path + ": no separator within " + std::to_string(limit) + " bytes",
                              bytes.size());
    }
    searched = bytes.size() - std::min(bytes.size(), separator.size() - 1);
    if (co_await fill(state, at)) continue;
    std::string partial = state->take(state->buffered().size());
    const std::string sentence =
        detail::sentence_of_end(*state, "before the separator, after " + std::to_string(partial.size()) + " bytes");
    throw IncompleteReadError(sentence, std::move(partial));
  }
}

Task<std::string> File::line(Shared state, std::size_t limit, At at) {
  const PositionUse use(*state);
  if (!state->buffered().empty()) co_await detail::checkpoint(at);
  std::size_t searched = 0;
  while (true) {
    const std::string_view bytes = state->buffered();
    const std::size_t found = bytes.find('\n', searched);
    if (found != bytes.npos && found < limit) co_return state->take(found + 1);
    if (found != bytes.npos || bytes.size() >= limit) {
      throw LimitOverrunError("read " + state->path + ": a line is longer than " + std::to_string(limit) + " bytes",
                              bytes.size());
    }
    searched = bytes.size();
    if (!co_await fill(state, at)) co_return state->take(state->buffered().size());
  }
}

AsyncGenerator<std::string> File::all_lines(Shared state, std::size_t limit, At at) {
  while (true) {
    std::string text = co_await line(state, limit, at);
    if (text.empty()) co_return;
    if (text.back() == '\n') text.pop_back();
    co_yield std::move(text);
  }
}

Task<std::string> File::all(Shared state, At at) {
  const PositionUse use(*state);
  if (state->waits) {
    for (bool more = true; more;) more = co_await fill(state, at);
    co_return state->take(state->buffered().size());
  }
  const std::int64_t size = os::file_size(state->fd.get());
  const std::uint64_t left =
      size < 0 ? 0 : static_cast<std::uint64_t>(size) - std::min<std::uint64_t>(size, state->position);
  std::string bytes(std::min(left, detail::kMostBelieved) + 1, '\0');
  std::size_t done = 0;
  for (std::size_t n = 1; n != 0; done += n) {
    if (done == bytes.size()) bytes.resize(std::max(2 * done, detail::kLeastRoom));
    const std::int64_t offset = static_cast<std::int64_t>(state->position + done);
    n = co_await detail::read_piece(state, {bytes.data() + done, bytes.size() - done, offset}, at);
  }
  bytes.resize(done);
  state->drop_buffer();
  state->position += done;
  co_return bytes;
}

// ---- Writing ----

Task<> File::write_next(Shared state, const void* from, std::size_t size, At at) {
  const PositionUse use(*state);
  state->written = 0;
  if (!state->waits) state->drop_buffer();
  // What went out counts whatever happens.
  struct Moved {
    ~Moved() {
      if (state.waits) return;
      const std::int64_t now = state.appends && state.written != 0 ? os::file_position(state.fd.get()) : -1;
      state.position = now >= 0 ? static_cast<std::uint64_t>(now) : state.position + state.written;
    }
    FileState& state;
  } const moved{*state};
  const bool nowhere = state->waits || state->appends;
  const std::int64_t offset = nowhere ? -1 : static_cast<std::int64_t>(state->position);
  co_await detail::write_piece(state, {const_cast<void*>(from), size, offset}, state->written, at);
}

Task<> File::write_there(Shared state, std::uint64_t offset, const void* from, std::size_t size, At at) {
  std::size_t done = 0;
  co_await detail::write_piece(state, {const_cast<void*>(from), size, static_cast<std::int64_t>(offset)}, done, at);
}

Task<> File::sync_all(Shared state, bool data_only, At at) {
  auto sync = to_thread(&os::sync_file, state->fd.get(), data_only);
  const int n = co_await AtLine<decltype(sync)&>(sync, detail::address_of(at));
  if (n < 0) detail::IoDescriptor::fail(n, "sync", state.get());
}

Task<> File::cut(Shared state, std::uint64_t size, At at) {
  auto cut = to_thread(&os::truncate_file, state->fd.get(), size);
  const int n = co_await AtLine<decltype(cut)&>(cut, detail::address_of(at));
  if (n < 0) detail::IoDescriptor::fail(n, "truncate", state.get());
}

}  // namespace plait
