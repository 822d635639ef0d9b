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
#include <cerrno>
#include <cstring>
#include <string>

#include "plait/base/contract.hpp"

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

/// The descriptor under another number, which nobody closes.
os::Fd duplicate_of(const StreamState& state) {
  const DescriptorGuard guard(&state);
  return os::duplicate(state.fd.get());
}

std::string_view buffered(const StreamState& state) noexcept {
  return state.buffer ? state.buffer->view() : std::string_view();
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
  {
    const DescriptorGuard guard(&stream);
    if (!stream.fd.valid()) stream.buffer.reset();
  }
  if (!stream.buffer) return begin(self, frame, at);
  if (!check(self)) return false;
  descriptor = nullptr;
  result = static_cast<std::int64_t>(stream.buffer->take(buffer, length));
  if (stream.buffer->size() == 0) stream.buffer.reset();
  return leave_at_once(self, frame, at);
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
  // A close by somebody else must not take the number away meanwhile. A layer may take too long for that lock.
  std::int64_t result = 0;
  if (state().kind == detail::StreamState::Kind::layer) {
    const os::Fd copy = detail::duplicate_of(state());
    result = state().try_shutdown(copy.get());
  } else {
    const detail::DescriptorGuard guard(&state());
    result = state().try_shutdown(state().fd.get());
  }
  if (result < 0) detail::IoDescriptor::fail(result, "shut down", &state());
}

void Stream::close() { state().end(); }

std::shared_ptr<detail::StreamState> Stream::give_to_layer() {
  refuse_to_lose_bytes();
  if (state().reader.load(std::memory_order_relaxed) || state().writer.load(std::memory_order_relaxed)) {
    detail::misuse(peer_address() + ": a strand waits for it (1 waits); a layer goes on a stream that nobody uses.");
  }
  return std::move(state_);
}

void Stream::refuse_to_lose_bytes() const {
  if (buffered() == 0) return;
  detail::misuse(peer_address() + ": " + std::to_string(buffered()) +
                 " bytes that were read from it wait in the buffer and would be lost; read them first.");
}

os::Fd Stream::release() {
  refuse_to_lose_bytes();
  if (state().kind == detail::StreamState::Kind::layer) {
    detail::misuse(peer_address() + ": a layer holds its bytes, so its descriptor can't be given away.");
  }
  os::Fd copy = os::duplicate(native_handle());
  close();
  return copy;
}

void Stream::refuse_moved_from() { detail::misuse("Stream: it was moved from and holds no connection."); }

}  // namespace plait
