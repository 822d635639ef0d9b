// SPDX-License-Identifier: BSL-1.0
//
// Idea. The position is the File's, and all reads are positional: so an operation that was cancelled has moved nothing,
// and what was read ahead costs no one anything. What has no position, a pipe for instance, keeps what was read ahead.
//
// Invariants. 1. The first byte of the buffer is at the position. 2. Only who holds PositionUse touches them.
#include "plait/io/file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "plait/base/contract.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

/// Read ahead at least.
constexpr std::size_t kLeastRoom = std::size_t{16} << 10;
/// A file's size is believed up to this; /proc has some of many TiB.
constexpr std::uint64_t kMostBelieved = std::uint64_t{64} << 20;

std::string sentence_of_end(const FileState& file, const std::string& what) {
  return "read " + file.path + ": it ended " + what;
}

Task<> checkpoint(std::source_location at) {
  const auto nothing = [] { return std::int64_t{0}; };
  CallAtOnce call(nothing);
  co_await AtLine<decltype(call)&>(call, address_of(at));
}

}  // namespace
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
