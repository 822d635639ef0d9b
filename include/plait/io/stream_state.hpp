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
  enum class Kind : std::uint8_t { socket, pipe };
  StreamState(os::Fd fd, Kind kind) noexcept : IoDescriptor(std::move(fd)), kind(kind) {}

  IoOperation::Kind reading() const noexcept {
    return kind == Kind::socket ? IoOperation::Kind::receive : IoOperation::Kind::read;
  }
  IoOperation::Kind writing() const noexcept {
    return kind == Kind::socket ? IoOperation::Kind::send : IoOperation::Kind::write;
  }

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
  bool begin_from_buffer(Strand& self, std::coroutine_handle<> frame, const void* at);
};

/// Waits until there is something to read, or the end, or an error, and reads nothing.
class AwaitInput : public IoLeaf<AwaitInput> {
 public:
  explicit AwaitInput(StreamState& stream) noexcept : IoLeaf(Kind::readable, &stream) {}
  void take() const {
    if (result < 0) [[unlikely]]
      IoDescriptor::fail(result, "read from", descriptor);
  }
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
};

}  // namespace plait::detail
