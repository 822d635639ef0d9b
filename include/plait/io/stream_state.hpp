// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>

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
    if (result < 0) [[unlikely]]
      IoDescriptor::fail(result, "read from", descriptor);
    return static_cast<std::size_t>(result);
  }

 private:
  static std::int64_t read_layer(IoOperation& operation) noexcept;
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

 private:
  static std::int64_t write_layer(IoOperation& operation) noexcept;
};

}  // namespace plait::detail
