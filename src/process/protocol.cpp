// SPDX-License-Identifier: BSL-1.0
#include "protocol.hpp"

#include <array>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "plait/os/file.hpp"
#include "plait/os/shared_memory.hpp"

namespace plait::detail {
namespace {

/// The first bytes of each packet.
struct Head {
  std::uint32_t magic;
  Say what;
  /// The first descriptor is a memory file with the bytes, of which there are so many.
  bool in_file;
  std::uint64_t size;
};
constexpr std::uint32_t kMagic = 0x706c7431;

template <class T>
void append(Encoder& to, const T& bytes) {
  to.raw(static_cast<std::uint64_t>(bytes.size()));
  to.bytes(bytes.data(), bytes.size());
}

std::span<const std::byte> next(Decoder& from) { return from.bytes(from.raw<std::uint64_t>()); }

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Reads a memory file from its beginning. False if it is shorter than `into`.
bool read_all(const os::Fd& file, std::span<std::byte> into) {
  for (std::size_t at = 0; at < into.size();) {
    const std::int64_t n = os::read_file(file.get(), &into[at], into.size() - at, static_cast<std::int64_t>(at));
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

std::vector<int> numbers_of(std::span<const os::Fd> descriptors) {
  std::vector<int> numbers;
  for (const os::Fd& fd : descriptors) numbers.push_back(fd.get());
  return numbers;
}

std::exception_ptr too_many_descriptors(std::string_view verb) {
  return std::make_exception_ptr(std::system_error(
      EMSGSIZE, std::generic_category(),
      std::string(verb) + " more than " + std::to_string(os::kMostDescriptors) + " descriptors with a message"));
}

int send(const os::Fd& socket, Say what, std::span<const std::byte> bytes, std::span<const int> descriptors) {
  std::vector<int> all;
  os::Fd file;
  const bool in_file = bytes.size() > os::kMostOfMessage - sizeof(Head);
  if (in_file) {
    file = os::memory_file_of(bytes);
    all.push_back(file.get());
  }
  all.insert(all.end(), descriptors.begin(), descriptors.end());
  Encoder packet;
  packet.raw(Head{kMagic, what, in_file, bytes.size()});
  if (!in_file) packet.bytes(bytes.data(), bytes.size());
  return os::send_message(socket.get(), packet.bytes(), all);
}

int receive(const os::Fd& socket, Message& message, os::Patience patience) {
  alignas(Head) std::array<std::byte, os::kMostOfMessage> buffer;
  message.descriptors.clear();
  const std::int64_t length = os::receive_message(socket.get(), buffer, message.descriptors, patience);
  if (length <= 0) return static_cast<int>(length);
  Decoder packet({buffer.data(), static_cast<std::size_t>(length)});
  const auto head = packet.raw<Head>();
  if (head.magic != kMagic || head.what > Say::letter) throw DecodeError("not a message of Plait's processes");
  message.what = head.what;
  if (!head.in_file) {
    const std::span<const std::byte> bytes = packet.bytes(head.size);
    message.bytes.assign(bytes.begin(), bytes.end());
    return 1;
  }
  if (message.descriptors.empty()) throw DecodeError("a message without its memory file");
  message.bytes.resize(head.size);
  if (!read_all(message.descriptors.front(), message.bytes)) {
    throw DecodeError("a message whose memory file is too short");
  }
  message.descriptors.erase(message.descriptors.begin());
  return 1;
}

int send(const os::Fd& socket, const Order& order) {
  Encoder message;
  message.raw(order.fresh);
  append(message, order.name);
  message.raw(order.parent);
  append(message, order.parent_name);
  append(message, order.environment);
  append(message, order.call);
  std::vector<int> descriptors{order.channel.get(), order.directory.get(), order.family.get()};
  for (const os::Fd* stream : {&order.output, &order.errors}) {
    message.raw(stream->valid());
    if (stream->valid()) descriptors.push_back(stream->get());
  }
  for (const os::Fd& fd : order.descriptors) descriptors.push_back(fd.get());
  return send(socket, Say::start, message.bytes(), descriptors);
}

Order read_order(Message message) {
  if (message.what != Say::start) throw DecodeError("not the start of a process");
  Decoder from(message.bytes);
  Order order;
  order.fresh = from.raw<bool>();
  order.name = text(next(from));
  order.parent = from.raw<int>();
  order.parent_name = text(next(from));
  order.environment = text(next(from));
  const std::span<const std::byte> call = next(from);
  order.call.assign(call.begin(), call.end());
  Decoder descriptors({}, message.descriptors);
  order.channel = descriptors.descriptor();
  order.directory = descriptors.descriptor();
  order.family = descriptors.descriptor();
  std::size_t taken = 3;
  for (os::Fd* stream : {&order.output, &order.errors}) {
    if (!from.raw<bool>()) continue;
    *stream = descriptors.descriptor();
    ++taken;
  }
  order.descriptors.assign(std::move_iterator(message.descriptors.begin() + static_cast<std::ptrdiff_t>(taken)),
                           std::move_iterator(message.descriptors.end()));
  return order;
}

}  // namespace plait::detail
