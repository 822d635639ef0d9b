// SPDX-License-Identifier: BSL-1.0
//
// Idea. A descriptor travels with one byte, so that the stream has a place for it, and both are one operation that
// performs itself. A read that takes such a byte as data loses the descriptor, which the kernel closes then; so the two
// ends must agree when one comes.
#include "plait/io/descriptor.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/os/send_file.hpp"

namespace plait {
namespace detail {
namespace {

class SendDescriptor : public IoLeaf<SendDescriptor> {
 public:
  SendDescriptor(StreamState& to, int sent) noexcept : IoLeaf(Kind::own_write, &to), sent_(sent) {
    perform = [](IoOperation& operation) noexcept {
      return os::send_descriptor(operation.fd, static_cast<SendDescriptor&>(operation).sent_);
    };
  }
  std::int64_t take() const noexcept { return result; }

 private:
  const int sent_;
};

class ReceiveDescriptor : public IoLeaf<ReceiveDescriptor> {
 public:
  explicit ReceiveDescriptor(StreamState& from) noexcept : IoLeaf(Kind::own_read, &from) {
    perform = [](IoOperation& operation) noexcept {
      auto& self = static_cast<ReceiveDescriptor&>(operation);
      return os::receive_descriptor(operation.fd, self.byte, self.received);
    };
  }
  std::int64_t take() const noexcept { return result; }

  char byte = 0;
  os::Fd received;
};

void refuse_layer(const StreamState& stream) {
  if (stream.kind != StreamState::Kind::layer) return;
  misuse(stream.describe() + ": a descriptor goes over a plain Unix stream only, and this one has a layer.");
}

Task<> send_one(std::shared_ptr<StreamState> to, int descriptor, std::source_location at) {
  refuse_layer(*to);
  SendDescriptor send(*to, descriptor);
  const std::int64_t n = co_await AtLine<SendDescriptor&>(send, address_of(at));
  if (n < 0) IoDescriptor::fail(n, "send a descriptor to", send.descriptor);
}

[[noreturn]] void refuse_byte(const StreamState& from) {
  throw std::runtime_error("receive a descriptor from " + from.describe() + ": the next byte came without one");
}

Task<os::Fd> receive_one(std::shared_ptr<StreamState> from, std::source_location at) {
  refuse_layer(*from);
  if (from->buffer) refuse_byte(*from);
  ReceiveDescriptor receive(*from);
  const std::int64_t n = co_await AtLine<ReceiveDescriptor&>(receive, address_of(at));
  if (n < 0) IoDescriptor::fail(n, "receive a descriptor from", receive.descriptor);
  if (n == 0) throw IncompleteReadError("receive a descriptor from " + from->describe() + ": it ended", {});
  if (!receive.received.valid()) {
    from->buffer = std::make_unique<ReadBuffer>();
    from->buffer->room()[0] = receive.byte;
    from->buffer->filled(1);
    refuse_byte(*from);
  }
  co_return std::move(receive.received);
}

}  // namespace
}  // namespace detail

Task<> send_descriptor(Stream& to, int descriptor, std::source_location at) {
  return detail::send_one(to.shared_state(), descriptor, at);
}

Task<os::Fd> receive_descriptor(Stream& from, std::source_location at) {
  return detail::receive_one(from.shared_state(), at);
}

}  // namespace plait
