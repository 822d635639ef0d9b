// SPDX-License-Identifier: BSL-1.0
//
// Idea. sendfile(2) does not wait for the socket, but it does for the disk. So the loop calls it only for bytes that
// are in memory, which cachestat(2) knows; the others a thread reads first, and throws away, because what counts is
// that the kernel has them then. Where the kernel does not tell (it wants the file to be ours), a thread always reads
// first. A small file costs less by a read and a write.
//
// What was read from a stream and is not in the file goes back into the stream's buffer, in front of the rest.
#include "plait/io/send_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plait/os/send_file.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

constexpr std::size_t kMostByCopy = std::size_t{16} << 10;
constexpr std::size_t kCopied = std::size_t{64} << 10;
/// As much is looked for in memory, and sent, at a time, so that others get their turn.
constexpr std::size_t kWindow = std::size_t{256} << 10;

/// Sends what is in memory, which `known` bytes are sure to be. What went out is in `to.written`, whatever happens.
class SendFromMemory : public IoLeaf<SendFromMemory> {
 public:
  SendFromMemory(StreamState& to, const FileState& file, std::uint64_t from, std::uint64_t known, std::size_t size)
      : IoLeaf(Kind::own_write, &to), to_(to), file_(file), from_(from), known_(known) {
    length = size;
    perform = &send;
  }
  std::int64_t await_resume() {
    to_.written = done;
    end();
    return result;
  }
  std::int64_t take() const noexcept { return result; }

  /// What comes next is to be read from the disk first.
  bool cold = false;
  /// The file has no more.
  bool ended = false;

 private:
  static std::int64_t send(IoOperation& operation) noexcept {
    auto& self = static_cast<SendFromMemory&>(operation);
    const int file = self.file_.fd.get();
    if (self.known_ < self.length && self.done == 0) {
      self.cold = os::in_memory(file, self.from_, self.length) != os::InMemory::yes;
      if (self.cold) return 0;
      self.known_ = self.length;
    }
    while (self.done < self.length && !self.ended) {
      const std::int64_t n = os::send_file(operation.fd, file, self.from_ + self.done, self.length - self.done);
      if (n < 0) return n;
      self.ended = n == 0;
      self.done += static_cast<std::size_t>(n);
    }
    return 0;
  }

  StreamState& to_;
  const FileState& file_;
  const std::uint64_t from_;
  std::uint64_t known_;
};

/// Reads bytes so that they are in memory: 0, or minus an errno.
int warm(int file, std::uint64_t offset, std::size_t length) {
  const auto scratch = std::make_unique<char[]>(kCopied);
  for (std::size_t done = 0; done < length;) {
    const std::size_t piece = std::min(kCopied, length - done);
    const std::int64_t n = os::read_file(file, scratch.get(), piece, static_cast<std::int64_t>(offset + done));
    if (n <= 0) return static_cast<int>(n);
    done += static_cast<std::size_t>(n);
  }
  return 0;
}

/// What went out before the current piece, which counts in the end.
struct Sent {
  explicit Sent(StreamState& to) noexcept : to(to) { to.written = 0; }
  Sent(const Sent&) = delete;
  Sent& operator=(const Sent&) = delete;
  ~Sent() { to.written += before; }
  /// A piece is over.
  void add() noexcept { before += std::exchange(to.written, 0); }

  StreamState& to;
  std::size_t before = 0;
};

/// By reads and writes; false at the end.
Task<bool> copy_some(std::shared_ptr<StreamState> to, std::shared_ptr<FileState> from, std::uint64_t offset,
                     std::uint64_t left, std::source_location at) {
  std::string bytes(std::min<std::uint64_t>(left, kCopied), '\0');
  const std::int64_t place = from->waits ? -1 : static_cast<std::int64_t>(offset);
  const std::size_t n = co_await read_piece(from, {bytes.data(), bytes.size(), place}, at);
  if (n == 0) co_return false;
  WriteAll write(*to, bytes.data(), n);
  co_await AtLine<WriteAll&>(write, address_of(at));
  co_return true;
}

Task<std::uint64_t> send_all(std::shared_ptr<StreamState> to, std::shared_ptr<FileState> from, std::uint64_t offset,
                             std::uint64_t count, std::source_location at) {
  Sent sent(*to);
  const std::int64_t size = from->waits ? 0 : os::file_size(from->fd.get());
  const std::uint64_t there = size > 0 ? static_cast<std::uint64_t>(size) - std::min<std::uint64_t>(size, offset) : 0;
  // Files of /proc have no size, and more to read than that.
  const std::uint64_t all = size > 0 ? std::min(count, there) : count;
  bool by_copy = to->kind != StreamState::Kind::socket || size <= 0 || all <= kMostByCopy;
  std::uint64_t known = 0;
  for (bool more = true; more && sent.before < all;) {
    const std::uint64_t place = offset + sent.before;
    const std::uint64_t left = all - sent.before;
    if (by_copy) {
      more = co_await copy_some(to, from, place, left, at);
      sent.add();
      continue;
    }
    const auto window = static_cast<std::size_t>(std::min<std::uint64_t>(left, kWindow));
    SendFromMemory send(*to, *from, place, std::exchange(known, 0), window);
    const std::int64_t n = co_await AtLine<SendFromMemory&>(send, address_of(at));
    sent.add();
    by_copy = n == -EINVAL || n == -ENOSYS || n == -EOPNOTSUPP;
    if (n < 0 && !by_copy) IoDescriptor::fail(n, "send " + from->path + " to", send.descriptor);
    more = !send.ended;
    if (!send.cold) continue;
    auto read = to_thread(&warm, from->fd.get(), place, window);
    const int error = co_await AtLine<decltype(read)&>(read, address_of(at));
    if (error < 0) IoDescriptor::fail(error, "read", from.get());
    known = window;
  }
  co_return sent.before;
}

/// Puts bytes in front of those that wait in the stream.
void put_back(StreamState& stream, std::string_view bytes) {
  auto buffer = std::make_unique<ReadBuffer>();
  const auto add = [&](std::string_view rest) {
    while (!rest.empty()) {
      const std::span<char> room = buffer->room();
      const std::size_t n = std::min(room.size(), rest.size());
      std::memcpy(room.data(), rest.data(), n);
      buffer->filled(n);
      rest.remove_prefix(n);
    }
  };
  add(bytes);
  if (stream.buffer) add(stream.buffer->view());
  if (buffer->size() != 0) stream.buffer = std::move(buffer);
}

Task<std::uint64_t> receive_all(std::shared_ptr<StreamState> from, std::shared_ptr<FileState> to, std::uint64_t offset,
                                std::uint64_t count, std::uint64_t* done, std::source_location at) {
  std::uint64_t total = 0;
  if (done) *done = 0;
  const auto bytes = std::make_unique<char[]>(kCopied);
  while (total < count) {
    ReadSome read(*from, bytes.get(), static_cast<std::size_t>(std::min<std::uint64_t>(count - total, kCopied)));
    const std::size_t n = co_await AtLine<ReadSome&>(read, address_of(at));
    if (n == 0) break;
    const std::int64_t place = to->waits ? -1 : static_cast<std::int64_t>(offset + total);
    std::size_t out = 0;
    try {
      co_await write_piece(to, {bytes.get(), n, place}, out, at);
    } catch (...) {
      put_back(*from, std::string_view(bytes.get(), n).substr(out));
      if (done) *done = total + out;
      throw;
    }
    total += n;
    if (done) *done = total;
  }
  co_return total;
}

}  // namespace
}  // namespace detail

Task<std::uint64_t> send_file(Stream& to, File& from, std::uint64_t offset, std::uint64_t count,
                              std::source_location at) {
  return detail::send_all(to.shared_state(), from.share(), offset, count, at);
}

Task<std::uint64_t> receive_file(Stream& from, File& to, std::uint64_t offset, std::uint64_t count, std::uint64_t* done,
                                 std::source_location at) {
  return detail::receive_all(from.shared_state(), to.share(), offset, count, done, at);
}

}  // namespace plait
