// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "plait/os/datagram.hpp"
#include "plait/sched/poller.hpp"

namespace plait::detail {

/// What a datagram socket and its running operations share.
class DatagramState final : public IoDescriptor {
 public:
  DatagramState(os::Fd fd, std::string name) : IoDescriptor(std::move(fd)), name_(std::move(name)) {}
  std::string describe() const override { return name_; }

 private:
  const std::string name_;
};

/// What is common to the operations on datagrams: the address of the other side, as `Address` holds it.
template <class Address, class Derived>
class DatagramOperation : public IoLeaf<Derived> {
 public:
  DatagramOperation(IoOperation::Kind kind, DatagramState& socket, const void* data, std::size_t size) noexcept
      : IoLeaf<Derived>(kind, &socket) {
    this->buffer = const_cast<void*>(data);
    this->length = size;
  }

 protected:
  Address address_;
};

/// `receive_from`; `Received` is its result.
template <class Address, class Received>
class ReceiveFrom : public DatagramOperation<Address, ReceiveFrom<Address, Received>> {
  using Base = DatagramOperation<Address, ReceiveFrom>;

 public:
  ReceiveFrom(DatagramState& socket, void* into, std::size_t size) noexcept
      : Base(IoOperation::Kind::own_read, socket, into, size) {
    this->perform = [](IoOperation& operation) noexcept {
      auto& self = static_cast<ReceiveFrom&>(operation);
      os::RawAddress from{self.address_.data(), Address::kCapacity};
      const std::int64_t n = os::receive_datagram(self.fd, self.buffer, self.length, from);
      self.address_.set_length(from.length);
      return n;
    };
  }
  Received take() const {
    if (this->result < 0) [[unlikely]]
      IoDescriptor::fail(this->result, "receive on", this->descriptor);
    const auto whole = static_cast<std::size_t>(this->result);
    return {std::min(whole, this->length), whole > this->length, Received::sender(this->address_)};
  }
};

/// `receive` on a connected socket: how much of the datagram there is.
class ReceiveDatagram : public IoLeaf<ReceiveDatagram> {
 public:
  ReceiveDatagram(DatagramState& socket, void* into, std::size_t size) noexcept : IoLeaf(Kind::own_read, &socket) {
    buffer = into;
    length = size;
    perform = [](IoOperation& operation) noexcept {
      os::RawAddress nobody;
      return os::receive_datagram(operation.fd, operation.buffer, operation.length, nobody);
    };
  }
  std::size_t take() const {
    if (result < 0) [[unlikely]]
      IoDescriptor::fail(result, "receive on", descriptor);
    return std::min(static_cast<std::size_t>(result), length);
  }
};

/// `send_to`, and `send` on a connected socket, whose address is empty.
template <class Address>
class SendTo : public DatagramOperation<Address, SendTo<Address>> {
  using Base = DatagramOperation<Address, SendTo>;

 public:
  SendTo(DatagramState& socket, const void* from, std::size_t size, const Address& to) noexcept
      : Base(IoOperation::Kind::own_write, socket, from, size) {
    this->address_ = to;
    this->perform = [](IoOperation& operation) noexcept {
      auto& self = static_cast<SendTo&>(operation);
      const bool connected = self.address_.length() == 0;
      const os::RawAddress to{connected ? nullptr : self.address_.data(), self.address_.length()};
      return os::send_datagram(self.fd, self.buffer, self.length, to);
    };
  }
  void take() const {
    if (this->result >= 0) [[likely]]
      return;
    const bool connected = this->address_.length() == 0;
    const std::string verb = connected ? "send on" : "send to " + this->address_.text() + " on";
    IoDescriptor::fail(this->result, verb, this->descriptor);
  }
};

}  // namespace plait::detail
