// SPDX-License-Identifier: BSL-1.0
//
// The `try_` functions of a socket and of a pipe, and the operations that perform themselves: those of a stream whose
// bytes go through a layer, reads of chunks and writes of pieces. Each calls until it is through or has to wait.
#include "plait/io/stream_state.hpp"

#include <array>
#include <cerrno>

#include "plait/os/epoll.hpp"
#include "plait/os/file.hpp"
#include "plait/os/pipe.hpp"

namespace plait::detail {

std::int64_t StreamState::try_read(int fd, void* into, std::size_t size) noexcept {
  return kind == Kind::pipe ? os::read_file(fd, into, size, -1) : os::receive(fd, into, size);
}

std::int64_t StreamState::try_write(int fd, const void* from, std::size_t size) noexcept {
  return kind == Kind::pipe ? os::write_pipe(fd, from, size) : os::send(fd, from, size);
}

std::int64_t StreamState::try_flush(int /*fd*/) noexcept { return 0; }

std::int64_t StreamState::try_peek(int fd) noexcept {
  const std::int64_t now = os::poll_now(fd, os::kEpollIn);
  return now > 0 ? 0 : now == 0 ? -EAGAIN : now;
}

std::int64_t StreamState::try_shutdown(int fd) noexcept {
  const int result = os::shutdown_write(fd);
  return result == -ENOTCONN ? 0 : result;
}

void StreamState::part(int /*fd*/) noexcept {}

void StreamState::end_of_read(IoDescriptor* stream, std::int64_t result) {
  if (result == 0 && stream && static_cast<StreamState*>(stream)->kind == Kind::socket) {
    result = stream->lost.load(std::memory_order_relaxed);
  }
  if (result < 0) IoDescriptor::fail(result, "read from", stream);
}

void StreamState::end() {
  if (kind == Kind::layer) {
    const int number = [&] {
      const DescriptorGuard guard(this);
      return fd.get();
    }();
    if (number >= 0) part(number);
  }
  close();
}

void StreamState::end_or_fail() noexcept {
  if (kind == Kind::layer && fd.valid()) part(fd.get());
  close_or_fail();
}

std::int64_t ReadSome::read_layer(IoOperation& operation) noexcept {
  if (operation.length == 0) return 0;
  return static_cast<StreamState*>(operation.descriptor)->try_read(operation.fd, operation.buffer, operation.length);
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
  const std::int64_t n = static_cast<StreamState*>(operation.descriptor)->try_read(operation.fd, block, kChunkSize);
  if (n <= 0) {
    give_block_back(block);
  } else {
    operation.buffer = block;
  }
  return n;
}

std::int64_t AwaitInput::peek_layer(IoOperation& operation) noexcept {
  return static_cast<StreamState*>(operation.descriptor)->try_peek(operation.fd);
}

std::int64_t WriteAll::write_layer(IoOperation& operation) noexcept {
  auto& stream = *static_cast<StreamState*>(operation.descriptor);
  while (operation.done < operation.length) {
    const char* const rest = static_cast<const char*>(operation.buffer) + operation.done;
    const std::int64_t n = stream.try_write(operation.fd, rest, operation.length - operation.done);
    if (n < 0) return n;
    operation.done += static_cast<std::size_t>(n);
  }
  return stream.try_flush(operation.fd);
}

WritePieces::WritePieces(StreamState& stream, const void* list, std::size_t count, PieceAt piece_at) noexcept
    : WriteAll(stream, way_of(stream)), list_(list), piece_at_(piece_at), count_(count) {
  for (std::size_t i = 0; i < count; ++i) length += piece_at(list, i).size;
}

IoOperation::Perform WritePieces::way_of(const StreamState& stream) noexcept {
  constexpr Perform ways[] = {&send_pieces, &write_to_pipe, &write_to_layer};
  return ways[static_cast<std::size_t>(stream.kind)];
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

std::int64_t WritePieces::write_to_pipe(IoOperation& operation) noexcept {
  const int fd = operation.fd;
  return static_cast<WritePieces&>(operation).go_on([fd](auto batch) { return os::write_pipe(fd, batch); }, false);
}

std::int64_t WritePieces::write_to_layer(IoOperation& operation) noexcept {
  auto& stream = *static_cast<StreamState*>(operation.descriptor);
  const auto take_first = [&](std::span<const os::Piece> batch) {
    return stream.try_write(operation.fd, batch.front().data, batch.front().size);
  };
  const std::int64_t n = static_cast<WritePieces&>(operation).go_on(take_first, false);
  return n < 0 ? n : stream.try_flush(operation.fd);
}

}  // namespace plait::detail
