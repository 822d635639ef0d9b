// SPDX-License-Identifier: BSL-1.0
//
// Idea. `read_some` and `write` are one operation of the kernel each. The reads that look for something are loops over
// `fill`, which puts what comes into the stream's buffer, and take out of it only what they give: so a read that is
// cancelled, or finds too much, has lost nothing.
//
// The buffer is there only while there is something in it. `fill` waits without one, so ten thousand streams on which
// somebody waits for a line have none; the price is one more system call, poll(2), for each chunk.
#include "plait/io/stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/os/file.hpp"
#include "plait/os/pipe.hpp"

namespace plait {
namespace detail {
namespace {

constexpr std::size_t kLeastRoom = 4096;

/// Takes the first `n` bytes out of the buffer, which goes when it is empty.
std::string take_out(StreamState& state, std::size_t n) {
  if (n == 0) return {};
  std::string taken = state.buffer->take(n);
  if (state.buffer->size() == 0) state.buffer.reset();
  return taken;
}

std::string_view buffered(const StreamState& state) noexcept {
  return state.buffer ? state.buffer->view() : std::string_view();
}

/// Whether the buffer holds what a read may have; what a closed stream kept is lost.
bool has_bytes(StreamState& stream) noexcept {
  const DescriptorGuard guard(&stream);
  if (!stream.fd.valid()) stream.buffer.reset();
  return stream.buffer != nullptr;
}

}  // namespace

std::span<char> ReadBuffer::room() {
  if (bytes_.size() - end_ < kLeastRoom) {
    const std::size_t held = size();
    std::string larger(std::max(kLeastRoom, 2 * held + kLeastRoom), '\0');
    std::memcpy(larger.data(), bytes_.data() + begin_, held);
    bytes_ = std::move(larger);
    begin_ = 0;
    end_ = held;
  }
  return {bytes_.data() + end_, bytes_.size() - end_};
}

std::size_t ReadBuffer::take(void* into, std::size_t size) noexcept {
  const std::size_t n = std::min(size, this->size());
  std::memcpy(into, bytes_.data() + begin_, n);
  begin_ += n;
  return n;
}

std::string ReadBuffer::take(std::size_t n) {
  if (n == size() && begin_ == 0 && n > bytes_.size() / 2) {
    bytes_.resize(n);
    begin_ = end_ = 0;
    return std::move(bytes_);
  }
  std::string taken(bytes_, begin_, n);
  begin_ += n;
  return taken;
}

bool ReadSome::begin_from_buffer(Strand& self, std::coroutine_handle<> frame, const void* at) {
  auto& stream = static_cast<StreamState&>(*descriptor);
  if (!has_bytes(stream)) return begin(self, frame, at);
  if (!check(self)) return false;
  descriptor = nullptr;
  result = static_cast<std::int64_t>(stream.buffer->take(buffer, length));
  if (stream.buffer->size() == 0) stream.buffer.reset();
  return leave_at_once(self, frame, at);
}

std::int64_t ReadChunk::receive_chunk(IoOperation& operation) noexcept {
  void* const block = lend_block();
  if (!block) return -ENOMEM;
  const std::int64_t n = os::receive(operation.fd, block, kChunkSize);
  if (n <= 0) {
    give_block_back(block);
    return n;
  }
  operation.drained = static_cast<std::size_t>(n) < kChunkSize;
  operation.buffer = block;
  return n;
}

std::int64_t ReadChunk::read_chunk(IoOperation& operation) noexcept {
  void* const block = lend_block();
  if (!block) return -ENOMEM;
  const std::int64_t n = os::read_file(operation.fd, block, kChunkSize, -1);
  if (n <= 0) {
    give_block_back(block);
  } else {
    operation.buffer = block;
  }
  return n;
}

bool ReadChunk::begin_from_buffer(Strand& self, std::coroutine_handle<> frame, const void* at) {
  auto& stream = static_cast<StreamState&>(*descriptor);
  if (!has_bytes(stream)) return begin(self, frame, at);
  if (!check(self)) return false;
  buffer = lend_block();
  if (!buffer) throw std::bad_alloc();
  descriptor = nullptr;
  result = static_cast<std::int64_t>(stream.buffer->take(buffer, kChunkSize));
  if (stream.buffer->size() == 0) stream.buffer.reset();
  return leave_at_once(self, frame, at);
}

WritePieces::WritePieces(StreamState& stream, const void* list, std::size_t count, PieceAt piece_at) noexcept
    : WriteAll(stream, stream.kind == StreamState::Kind::socket ? &send_pieces : &write_pieces),
      list_(list),
      piece_at_(piece_at),
      count_(count) {
  for (std::size_t i = 0; i < count; ++i) length += piece_at(list, i).size;
}

/// Hands over as much as goes.
template <class Call>
std::int64_t WritePieces::go_on(Call call, bool short_is_full) noexcept {
  while (done != length) {
    std::array<os::Piece, os::kMostPieces> batch;
    std::size_t n = 0, offered = 0;
    for (std::size_t i = index_, begin = offset_; i < count_ && n < batch.size(); ++i, begin = 0) {
      const os::Piece piece = piece_at_(list_, i);
      if (piece.size == begin) continue;
      batch[n++] = {static_cast<const char*>(piece.data) + begin, piece.size - begin};
      offered += piece.size - begin;
    }
    const std::int64_t gone = call(std::span<const os::Piece>(batch.data(), n));
    if (gone < 0) return gone;
    done += static_cast<std::size_t>(gone);
    offset_ += static_cast<std::size_t>(gone);
    for (; index_ < count_; ++index_) {
      const std::size_t size = piece_at_(list_, index_).size;
      if (offset_ < size) break;
      offset_ -= size;
    }
    if (short_is_full && static_cast<std::size_t>(gone) < offered) return -EAGAIN;
  }
  return static_cast<std::int64_t>(length);
}

std::int64_t WritePieces::send_pieces(IoOperation& operation) noexcept {
  const int fd = operation.fd;
  return static_cast<WritePieces&>(operation).go_on([fd](auto batch) { return os::send_pieces(fd, batch); }, true);
}

std::int64_t WritePieces::write_pieces(IoOperation& operation) noexcept {
  const int fd = operation.fd;
  return static_cast<WritePieces&>(operation).go_on([fd](auto batch) { return os::write_pipe(fd, batch); }, false);
}

}  // namespace detail

/// The checkpoint of a read, if it may end without another one.
Task<> Stream::pass(detail::StreamState& state, std::source_location at) {
  if (!state.buffer) co_return;
  detail::ReadNothing checkpoint(state);
  co_await detail::AtLine<detail::ReadNothing&>(checkpoint, detail::address_of(at));
}

/// Waits for more and adds it to the buffer; false at the end.
Task<bool> Stream::fill(detail::StreamState& state, std::source_location at) {
  using detail::AtLine;
  detail::AwaitInput input(state);
  co_await AtLine<detail::AwaitInput&>(input, detail::address_of(at));
  std::unique_ptr<detail::ReadBuffer> buffer = std::move(state.buffer);
  // It must not be where `read_some` looks for bytes, and must be back whatever happens.
  struct Back {
    ~Back() {
      if (buffer->size() != 0) state.buffer = std::move(buffer);
    }
    detail::StreamState& state;
    std::unique_ptr<detail::ReadBuffer>& buffer;
  };
  if (!buffer) buffer = std::make_unique<detail::ReadBuffer>();
  const Back back{state, buffer};
  const std::span<char> room = buffer->room();
  detail::ReadSome read(state, room.data(), room.size());
  const std::size_t n = co_await AtLine<detail::ReadSome&>(read, detail::address_of(at));
  buffer->filled(n);
  co_return n != 0;
}

Task<std::string> Stream::exactly(Shared state, std::size_t size, std::source_location at) {
  co_await pass(*state, at);
  while (detail::buffered(*state).size() < size) {
    if (co_await fill(*state, at)) continue;
    std::string partial = detail::take_out(*state, detail::buffered(*state).size());
    const std::string sentence = "read from " + state->describe() + ": it ended after " +
                                 std::to_string(partial.size()) + " of " + std::to_string(size) + " bytes";
    throw IncompleteReadError(sentence, std::move(partial));
  }
  co_return detail::take_out(*state, size);
}

Task<std::string> Stream::until(Shared state, std::string separator, std::size_t limit, std::source_location at) {
  if (separator.empty()) detail::misuse("Stream::read_until(): the separator is empty.");
  co_await pass(*state, at);
  std::size_t searched = 0;
  while (true) {
    const std::string_view bytes = detail::buffered(*state);
    const std::size_t found = bytes.find(separator, searched);
    if (found != bytes.npos && found + separator.size() <= limit) {
      co_return detail::take_out(*state, found + separator.size());
    }
    if (found != bytes.npos || bytes.size() >= limit) {
      throw LimitOverrunError("read from " + state->describe() + ": no separator within " + std::to_string(limit) +
                                  " bytes; " + std::to_string(bytes.size()) + " wait in the buffer",
                              bytes.size());
    }
    searched = bytes.size() - std::min(bytes.size(), separator.size() - 1);
    if (co_await fill(*state, at)) continue;
    std::string partial = detail::take_out(*state, detail::buffered(*state).size());
    const std::string sentence = "read from " + state->describe() + ": it ended before the separator, after " +
                                 std::to_string(partial.size()) + " bytes";
    throw IncompleteReadError(sentence, std::move(partial));
  }
}

Task<std::string> Stream::line(Shared state, std::size_t limit, std::source_location at) {
  co_await pass(*state, at);
  std::size_t searched = 0;
  while (true) {
    const std::string_view bytes = detail::buffered(*state);
    const std::size_t found = bytes.find('\n', searched);
    if (found != bytes.npos && found < limit) co_return detail::take_out(*state, found + 1);
    if (found != bytes.npos || bytes.size() >= limit) {
      throw LimitOverrunError("read from " + state->describe() + ": a line is longer than " + std::to_string(limit) +
                                  " bytes; " + std::to_string(bytes.size()) + " wait in the buffer",
                              bytes.size());
    }
    searched = bytes.size();
    if (!co_await fill(*state, at)) co_return detail::take_out(*state, detail::buffered(*state).size());
  }
}

AsyncGenerator<std::string> Stream::all_lines(Shared state, std::size_t limit, std::source_location at) {
  while (true) {
    std::string text = co_await line(state, limit, at);
    if (text.empty()) co_return;
    if (text.back() == '\n') text.pop_back();
    co_yield std::move(text);
  }
}

Task<std::string> Stream::all(Shared state, std::source_location at) {
  for (bool more = true; more;) more = co_await fill(*state, at);
  co_return detail::take_out(*state, detail::buffered(*state).size());
}

std::string Stream::take_buffered() { return detail::take_out(state(), buffered()); }

void Stream::shutdown_write() {
  if (state().kind == detail::StreamState::Kind::pipe) return close();
  const detail::DescriptorGuard guard(&state());
  const int result = os::shutdown_write(state().fd.get());
  if (result < 0 && result != -ENOTCONN) detail::IoDescriptor::fail(result, "shut down", &state());
}

void Stream::close() { state().close(); }

os::Fd Stream::release() {
  if (buffered() != 0) {
    detail::misuse(peer_address() + ": " + std::to_string(buffered()) +
                   " bytes that were read from it wait in the buffer and would be lost; read them first.");
  }
  os::Fd copy = os::duplicate(native_handle());
  close();
  return copy;
}

void Stream::refuse_moved_from() { detail::misuse("Stream: it was moved from and holds no connection."); }

}  // namespace plait
