// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "plait/process/codec.hpp"

namespace plait::detail {

/// A T as the bytes that cross. What is bytes anyway is kept as it is; the rest goes through its codec.
template <class T>
class OutgoingMessage {
 public:
  explicit OutgoingMessage(const T& value) { encoder_.write(value); }
  explicit OutgoingMessage(T&& value) { encoder_.write(std::move(value)); }
  std::span<const std::byte> bytes() const noexcept { return encoder_.bytes(); }
  bool has_descriptors() noexcept { return !encoder_.descriptors().empty(); }
  Encoder& encoder() noexcept { return encoder_; }

 private:
  Encoder encoder_;
};
template <class T>
  requires(is_bytes<T>())
class OutgoingMessage<T> {
 public:
  explicit OutgoingMessage(const T& value) noexcept : value_(value) {}
  std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span(&value_, 1)); }
  static constexpr bool has_descriptors() noexcept { return false; }

 private:
  T value_;
};

/// The bytes of a T that has arrived; decoded by `take`, so that nothing is lost if that throws.
template <class T>
class IncomingMessage {
 public:
  void assign(std::span<const std::byte> bytes) {
    std::byte* to = small_;
    if (bytes.size() > sizeof small_) {
      large_.resize(bytes.size());
      to = large_.data();
    }
    std::memcpy(to, bytes.data(), bytes.size());
    size_ = bytes.size();
    there_ = true;
  }
  void clear() noexcept { there_ = false; }
  bool is_there() const noexcept { return there_; }
  T take() {
    Decoder decoder({size_ > sizeof small_ ? large_.data() : small_, size_});
    return decoder.read<T>();
  }

 private:
  bool there_ = false;
  std::size_t size_ = 0;
  std::byte small_[256];
  std::vector<std::byte> large_;
};
template <class T>
  requires(is_bytes<T>())
class IncomingMessage<T> {
 public:
  void assign(std::span<const std::byte> bytes) {
    std::memcpy(bytes_, bytes.data(), sizeof(T));
    there_ = true;
  }
  void clear() noexcept { there_ = false; }
  bool is_there() const noexcept { return there_; }
  T take() noexcept { return __builtin_bit_cast(T, bytes_); }

 private:
  bool there_ = false;
  alignas(T) std::byte bytes_[sizeof(T)];
};

/// What must be equal at both ends of a queue of T: its size, and whether it is bytes. Types are not named across
/// processes, as their names are not unique.
template <class T>
constexpr std::uint64_t message_form() noexcept {
  return sizeof(T) * 2 + (is_bytes<T>() ? 1 : 0);
}

}  // namespace plait::detail
