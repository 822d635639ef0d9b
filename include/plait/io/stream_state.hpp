// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plait/io/chunk.hpp"
#include "plait/os/socket.hpp"
#include "plait/sched/poller.hpp"

namespace plait::detail {

/// Bytes that have been read and not yet asked for. For the one strand that reads.
class ReadBuffer {
 public:
  std::string_view view() const noexcept { return {bytes_.data() + begin_, end_ - begin_}; }
  std::size_t size() const noexcept { return end_ - begin_; }
  /// Room for more, at least a few KiB, growing with what is there.
  std::span<char> room();
  /// `n` bytes of the room are filled.
  void filled(std::size_t n) noexcept { end_ += n; }
  /// Copies out up to `size` bytes; how many.
  std::size_t take(void* into, std::size_t size) noexcept;
  /// Takes the first `n` bytes out, which must be there.
  std::string take(std::size_t n);

 private:
  /// All of them are used memory; what counts is from begin_ to end_.
  std::string bytes_;
  std::size_t begin_ = 0, end_ = 0;
};

/// What a Stream and its running operations share, at an address that does not change. The Stream closes it.
class StreamState : public IoDescriptor {
 public:
  /// A layer's bytes are not the descriptor's: its reads and writes go through the `try_` functions.
  enum class Kind : std::uint8_t { socket, pipe, layer };
  StreamState(os::Fd fd, Kind kind) noexcept : IoDescriptor(std::move(fd)), kind(kind) {}

  IoOperation::Kind reading() const noexcept {
    constexpr IoOperation::Kind kinds[] = {IoOperation::Kind::receive, IoOperation::Kind::read,
                                           IoOperation::Kind::own_read};
    return kinds[static_cast<std::size_t>(kind)];
  }
  IoOperation::Kind writing() const noexcept {
    constexpr IoOperation::Kind kinds[] = {IoOperation::Kind::send, IoOperation::Kind::write,
                                           IoOperation::Kind::own_write};
    return kinds[static_cast<std::size_t>(kind)];
  }

  // What layers override, and use of the stream below them. None of it waits. `fd` is the stream's descriptor, which
  // stays open during the call even if the stream is closed meanwhile. The results are those of IoOperation::Perform.
  // One reader and one writer call at the same time, on any thread.

  /// Reads up to `size` bytes: how many; 0 at the end.
  virtual std::int64_t try_read(int fd, void* into, std::size_t size) noexcept;
  /// Takes up to `size` bytes: how many; some of them may still be on their way.
  virtual std::int64_t try_write(int fd, const void* from, std::size_t size) noexcept;
  /// 0 when what was taken has gone to the kernel.
  virtual std::int64_t try_flush(int fd) noexcept;
  /// 0 when a read would not wait.
  virtual std::int64_t try_peek(int fd) noexcept;
  /// Says that nothing more comes: 0, or minus an errno.
  virtual std::int64_t try_shutdown(int fd) noexcept;
  /// The stream is about to be closed, perhaps in the middle of an operation: what politeness asks for.
  virtual void part(int fd) noexcept;

  /// A read gave no bytes: throws if it failed, or if its 0 is no end but the rest of a connection that was lost.
  static void end_of_read(IoDescriptor* stream, std::int64_t result);

  /// Closes the Stream.
  void end();
  /// The same in destructors, where an error ends the program.
  void end_or_fail() noexcept;

  /// Null as long as there is nothing to keep, so that a connection that only waits is small. The reader's.
  std::unique_ptr<ReadBuffer> buffer;
  /// How much of the latest write the kernel took.
  std::size_t written = 0;
  const Kind kind;
};

/// A connection's, named by its peer.
class SocketState final : public StreamState {
 public:
  SocketState(os::Fd fd, const os::SocketAddress& peer) noexcept
      : StreamState(std::move(fd), Kind::socket), peer(peer) {}
  std::string describe() const override { return peer.text(); }

  const os::SocketAddress peer;
};

/// A pipe's end, named by whoever made it.
class PipeState final : public StreamState {
 public:
  PipeState(os::Fd fd, std::string name) noexcept : StreamState(std::move(fd), Kind::pipe), name_(std::move(name)) {}
  std::string describe() const override { return name_; }

 private:
  const std::string name_;
};

/// `Stream::read_some`. What is in the buffer comes first.
class ReadSome : public IoLeaf<ReadSome> {
 public:
  ReadSome(StreamState& stream, void* into, std::size_t size) noexcept : IoLeaf(stream.reading(), &stream) {
    buffer = into;
    length = size;
    eager = performs_itself();
    perform = &read_layer;
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    Strand& self = *frame.promise().strand;
    if (static_cast<StreamState*>(descriptor)->buffer) [[unlikely]]
      return begin_from_buffer(self, frame, address_of(at));
    return begin(self, frame, address_of(at));
  }
  std::size_t take() const {
    if (result < 0 || (result == 0 && length != 0)) [[unlikely]]
      StreamState::end_of_read(descriptor, result);
    return static_cast<std::size_t>(result);
  }

 private:
  static std::int64_t read_layer(IoOperation& operation) noexcept;
  bool begin_from_buffer(Strand& self, std::coroutine_handle<> frame, const void* at);
};

/// `Stream::read_chunk`. What is in the buffer comes first. It borrows a block for the time of a system call, and keeps
/// it if that brought something; so whoever waits has none.
class ReadChunk : public IoLeaf<ReadChunk> {
 public:
  explicit ReadChunk(StreamState& stream) noexcept : IoLeaf(Kind::own_read, &stream) {
    eager = stream.kind == StreamState::Kind::layer;
    perform = stream.kind == StreamState::Kind::socket ? &receive_chunk : &read_chunk;
  }
  /// Before the start only, as all operations.
  ReadChunk(ReadChunk&& other) noexcept = default;
  ReadChunk& operator=(const ReadChunk&) = delete;
  ~ReadChunk() {
    if (buffer) give_block_back(buffer);
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    Strand& self = *frame.promise().strand;
    if (static_cast<StreamState*>(descriptor)->buffer) [[unlikely]]
      return begin_from_buffer(self, frame, address_of(at));
    return begin(self, frame, address_of(at));
  }
  Chunk take() {
    if (result <= 0) [[unlikely]]
      StreamState::end_of_read(descriptor, result);
    return {std::exchange(buffer, nullptr), static_cast<std::size_t>(result)};
  }

 private:
  static std::int64_t receive_chunk(IoOperation& operation) noexcept;
  static std::int64_t read_chunk(IoOperation& operation) noexcept;
  bool begin_from_buffer(Strand& self, std::coroutine_handle<> frame, const void* at);
};

/// Waits until there is something to read, or the end, or an error, and reads nothing.
class AwaitInput : public IoLeaf<AwaitInput> {
 public:
  explicit AwaitInput(StreamState& stream) noexcept
      : IoLeaf(stream.kind == StreamState::Kind::layer ? Kind::own_read : Kind::readable, &stream) {
    eager = performs_itself();
    perform = &peek_layer;
  }
  void take() const {
    if (result < 0) [[unlikely]]
      IoDescriptor::fail(result, "read from", descriptor);
  }

 private:
  static std::int64_t peek_layer(IoOperation& operation) noexcept;
};

/// The checkpoint of a read that finds all it wants in the buffer.
class ReadNothing : public IoLeaf<ReadNothing> {
 public:
  explicit ReadNothing(StreamState& stream) noexcept : IoLeaf(Kind::readable, &stream) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    Strand& self = *frame.promise().strand;
    if (!check(self)) return false;
    descriptor = nullptr;
    return leave_at_once(self, frame, address_of(at));
  }
  void take() const noexcept {}
};

/// `Stream::write`.
class WriteAll : public IoLeaf<WriteAll> {
 public:
  WriteAll(StreamState& stream, const void* from, std::size_t size) noexcept : IoLeaf(stream.writing(), &stream) {
    buffer = const_cast<void*>(from);
    length = size;
    eager = performs_itself();
    perform = &write_layer;
    stream.written = 0;
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

 protected:
  /// For one that performs itself.
  WriteAll(StreamState& stream, Perform how) noexcept : IoLeaf(Kind::own_write, &stream) {
    eager = stream.kind == StreamState::Kind::layer;
    perform = how;
    stream.written = 0;
  }

 private:
  static std::int64_t write_layer(IoOperation& operation) noexcept;
};

/// `Stream::write` of several pieces, which a list of some kind holds.
class WritePieces : public WriteAll {
 public:
  /// Gives the piece at an index of the list.
  using PieceAt = os::Piece (*)(const void* list, std::size_t index);
  WritePieces(StreamState& stream, const void* list, std::size_t count, PieceAt piece_at) noexcept;

 protected:
  const void* list_;

 private:
  static std::int64_t send_pieces(IoOperation& operation) noexcept;
  static std::int64_t write_to_pipe(IoOperation& operation) noexcept;
  static std::int64_t write_to_layer(IoOperation& operation) noexcept;
  template <class Call>
  std::int64_t go_on(Call call, bool short_is_full) noexcept;
  static Perform way_of(const StreamState& stream) noexcept;

  PieceAt piece_at_;
  std::size_t count_;
  /// The piece that is next, and how much of it went out.
  std::size_t index_ = 0, offset_ = 0;
};

/// The same with the list in it.
template <std::size_t kCount>
class WriteThese : public WritePieces {
 public:
  WriteThese(StreamState& stream, const std::array<os::Piece, kCount>& pieces) noexcept
      : WritePieces(stream, &pieces, kCount, &at_index), pieces_(pieces) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    list_ = &pieces_;  // it may have been moved before
    return WritePieces::await_suspend(frame, at);
  }

 private:
  static os::Piece at_index(const void* list, std::size_t index) {
    return (*static_cast<const std::array<os::Piece, kCount>*>(list))[index];
  }

  std::array<os::Piece, kCount> pieces_;
};

/// What a piece of a gathering write may be.
template <class T>
concept PieceLike =
    std::convertible_to<const T&, std::span<const std::byte>> || std::convertible_to<const T&, std::string_view>;

template <PieceLike T>
os::Piece piece_of(const T& bytes) noexcept {
  if constexpr (std::convertible_to<const T&, std::string_view>) {
    const std::string_view view = bytes;
    return {view.data(), view.size()};
  } else {
    const std::span<const std::byte> view = bytes;
    return {view.data(), view.size()};
  }
}

/// A list of them.
template <class T>
os::Piece piece_in(const void* list, std::size_t index) {
  return piece_of(static_cast<const T*>(list)[index]);
}

}  // namespace plait::detail
