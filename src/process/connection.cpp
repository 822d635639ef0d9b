// SPDX-License-Identifier: BSL-1.0
//
// Idea. The kernel knows best when an end has lost its owner: a descriptor is closed however a process ends, and also
// when it was in a message that nobody received. Rings in shared memory would be faster, but can't see that. And a
// packet is there as a whole or not at all, so neither a kill nor a cancel leaves a half of one.
//
// A packet begins with a byte that says where the message is: behind it, or in a memory file, which is the last of the
// packet's descriptors.
#include "plait/process/connection.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include "plait/base/contract.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/os/epoll.hpp"
#include "plait/os/message_socket.hpp"
#include "plait/os/socket.hpp"

namespace plait::detail {
namespace {

constexpr std::byte kInside{0}, kInFile{1};
constexpr std::size_t kMostInside = os::kMostOfMessage - 1;
constexpr std::uint32_t kReadable = 1;  // EPOLLIN

}  // namespace

std::pair<ConnectionEnd, ConnectionEnd> ConnectionEnd::make_pair() {
  auto [one, other] = os::message_pair();
  return {ConnectionEnd(std::move(one)), ConnectionEnd(std::move(other))};
}

ConnectionEnd::ConnectionEnd(os::Fd fd) : fd_(std::move(fd)) {
  if (!os::is_message_socket(fd_.get())) throw DecodeError("what was received is no end of a shared::pipe");
  os::set_nonblocking(fd_.get());
}

ConnectionEnd& ConnectionEnd::operator=(ConnectionEnd&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::move(other.fd_);
  }
  return *this;
}

int ConnectionEnd::fd() const {
  if (!fd_.valid()) misuse("a shared::Connection that is closed or was moved from can't be used.");
  return fd_.get();
}

void ConnectionEnd::close() noexcept {
  if (!fd_.valid()) return;
  notify_closing(fd_.get());
  fd_.reset();
}

void ConnectionEnd::checkpoint() const {
  pass(Point::checkpoint, this);
  if (Scheduler::current_strand().cancelled()) throw Cancelled{};
}

bool ConnectionEnd::try_send(Encoder& message) const {
  std::vector<int> descriptors;
  for (const os::Fd& one : message.descriptors()) descriptors.push_back(one.get());
  const std::span<const std::byte> bytes = message.bytes();
  std::vector<std::byte> packet;
  os::Fd file;
  if (bytes.size() <= kMostInside) {
    packet.reserve(bytes.size() + 1);
    packet.push_back(kInside);
    packet.insert(packet.end(), bytes.begin(), bytes.end());
  } else {
    const os::MemoryFile copy = os::MemoryFile::create("plait-message", bytes.size());
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    file = copy.duplicate();
    packet.push_back(kInFile);
    descriptors.push_back(file.get());
  }
  const int result = os::send_message(fd(), packet, descriptors);
  if (result == 0) return true;
  if (result == -EAGAIN || result == -EWOULDBLOCK) return false;
  os::throw_error(result == -ECONNRESET ? EPIPE : -result, "sending through a shared::Connection");
}

bool ConnectionEnd::try_receive(Received& received) const {
  std::vector<std::byte>& buffer = received.small;
  if (buffer.size() != os::kMostOfMessage) buffer.resize(os::kMostOfMessage);
  received.descriptors.clear();
  std::int64_t length = os::receive_message(fd(), buffer, received.descriptors, os::Patience::none);
  // What the other end had not read when it was closed is told once, before what it had sent: then there is more.
  if (length == 0) length = os::receive_message(fd(), buffer, received.descriptors, os::Patience::none);
  if (length == 0) throw shared::EndOfStream();
  if (length == -EAGAIN || length == -EWOULDBLOCK) return false;
  if (length < 0) os::throw_error(static_cast<int>(-length), "receiving through a shared::Connection");
  buffer.resize(static_cast<std::size_t>(length));
  if (buffer[0] == kInside) {
    received.bytes = std::span(buffer).subspan(1);
    return true;
  }
  if (received.descriptors.empty()) throw DecodeError("a large message came without its memory file");
  received.large = os::MemoryFile::open(std::move(received.descriptors.back()));
  received.descriptors.pop_back();
  received.bytes = {received.large.data(), received.large.size()};
  return true;
}

bool ConnectionEnd::can_receive() const noexcept { return fd_.valid() && os::poll_now(fd_.get(), kReadable) != 0; }

}  // namespace plait::detail
