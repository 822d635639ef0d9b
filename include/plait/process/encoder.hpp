// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/os/fd.hpp"

namespace plait::detail {

/// What arrived is not what was sent: it is too short, or a part of it is impossible.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Collects a message for another process of the same build: bytes, and descriptors that travel beside them.
class Encoder {
 public:
  void bytes(const void* from, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  /// The object's own bytes.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void raw(const T& value) {
    bytes(&value, sizeof value);
  }
  /// A descriptor that will be the receiver's.
  void descriptor(os::Fd fd) { descriptors_.push_back(std::move(fd)); }

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::vector<os::Fd>& descriptors() noexcept { return descriptors_; }
  /// Empty again, with its memory kept.
  void clear() noexcept {
    bytes_.clear();
    descriptors_.clear();
  }

 private:
  std::vector<std::byte> bytes_;
  std::vector<os::Fd> descriptors_;
};

/// Reads such a message. Everything is checked against its end: DecodeError.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes, std::span<os::Fd> descriptors = {}) noexcept
      : bytes_(bytes), descriptors_(descriptors) {}

  /// The next `size` bytes, in place.
  std::span<const std::byte> bytes(std::size_t size) {
    if (size > bytes_.size()) [[unlikely]]
      refuse();
    const std::span<const std::byte> taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  T raw() {
    alignas(T) std::byte copy[sizeof(T)];
    std::memcpy(copy, bytes(sizeof(T)).data(), sizeof(T));
    return __builtin_bit_cast(T, copy);
  }
  /// The next descriptor, which is the caller's from now on.
  os::Fd descriptor();
  std::size_t left() const noexcept { return bytes_.size(); }

 private:
  [[noreturn]] static void refuse();

  std::span<const std::byte> bytes_;
  std::span<os::Fd> descriptors_;
};

/// How a T is written and read: `static void write(Encoder&, const T&)` (or `T&&`, for what is moved across) and
/// `static T read(Decoder&)`. Specialised in codec.hpp for what the library knows, and by types that cross in a way of
/// their own.
template <class T>
struct Codec;

}  // namespace plait::detail
