// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/os/fd.hpp"

namespace plait {

/// What arrived is not what was sent: it is too short, or a part of it is impossible.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Collects a message for another process of the same build: bytes, and descriptors that travel beside them. Codecs
/// write into it. Move-only; not for use from two threads at once. Python's pickle.Pickler.
class Encoder {
 public:
  /// How deep values may nest, here and in a Decoder: a chain of `unique_ptr` is read by a function that calls itself.
  static constexpr unsigned kMostLevels = 1000;

  Encoder() noexcept = default;
  /// Writes to `first`, which the caller keeps alive, as long as the message fits; then to memory of its own.
  explicit Encoder(std::span<std::byte> first) noexcept
      : begin_(first.data()), at_(begin_), end_(begin_ + first.size()) {}
  Encoder(Encoder&& other) noexcept { swap(other); }
  Encoder& operator=(Encoder&& other) noexcept {
    Encoder taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Encoder();

  /// Writes a value by its Codec (codec.hpp), and moves it across if it is an rvalue. Throws what the codec throws, and
  /// std::length_error for what nests too deep.
  template <class T>
  void write(T&& value);

  /// Writes bytes as they are.
  void bytes(const void* from, std::size_t size) {
    if (size == 0) return;
    std::memcpy(place(size), from, size);
  }
  /// Writes the object's own bytes.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void raw(const T& value) {
    std::memcpy(place(sizeof value), &value, sizeof value);
  }
  /// Room for `size` bytes, which the caller fills before the next call.
  std::byte* place(std::size_t size) {
    if (size > static_cast<std::size_t>(end_ - at_)) [[unlikely]]
      grow(size);
    return std::exchange(at_, at_ + size);
  }
  /// A descriptor that will be the receiver's.
  void descriptor(os::Fd fd) { descriptors_.push_back(std::move(fd)); }

  /// What was written so far.
  std::span<const std::byte> bytes() const noexcept { return {begin_, at_}; }
  /// How many bytes were written so far.
  std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  /// What goes along with the bytes; whoever sends the message takes them from here.
  std::vector<os::Fd>& descriptors() noexcept { return descriptors_; }
  /// Whether the message lies in memory of the encoder's own, and not in what the constructor was given.
  bool is_own() const noexcept { return own_; }
  /// Empty again, with its memory kept.
  void clear() noexcept { cut(0, 0); }
  /// Takes back all but the first `size` bytes and the first `descriptors` descriptors.
  void cut(std::size_t size, std::size_t descriptors) noexcept {
    at_ = begin_ + size;
    if (descriptors < descriptors_.size()) {
      descriptors_.erase(descriptors_.begin() + static_cast<std::ptrdiff_t>(descriptors), descriptors_.end());
    }
  }
  /// Writes over what was written at `at`.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void overwrite(std::size_t at, const T& value) noexcept {
    std::memcpy(begin_ + at, &value, sizeof value);
  }

  /// One level deeper; `leave` for each. Throws std::length_error.
  void enter() {
    if (++level_ > kMostLevels) [[unlikely]]
      refuse_depth();
  }
  /// One level up again.
  void leave() noexcept { --level_; }

 private:
  void swap(Encoder& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(at_, other.at_);
    std::swap(end_, other.end_);
    std::swap(own_, other.own_);
    std::swap(level_, other.level_);
    descriptors_.swap(other.descriptors_);
  }
  void grow(std::size_t size);
  [[noreturn]] void refuse_depth();

  std::byte* begin_ = nullptr;
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
  bool own_ = false;
  unsigned level_ = 0;
  std::vector<os::Fd> descriptors_;
};

/// Reads such a message. Everything is checked against its end: DecodeError. The bytes are not copied: they outlive the
/// Decoder. Python's pickle.Unpickler.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes, std::span<os::Fd> descriptors = {}) noexcept
      : at_(bytes.data()), end_(at_ + bytes.size()), descriptors_(descriptors) {}

  /// Reads a value by its Codec (codec.hpp). Throws DecodeError, and what the codec throws.
  template <class T>
  T read();

  /// The next `size` bytes, in place.
  std::span<const std::byte> bytes(std::size_t size) {
    if (size > left()) [[unlikely]]
      refuse();
    return {std::exchange(at_, at_ + size), size};
  }
  /// Reads an object that was written as its own bytes.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  T raw() {
    alignas(T) std::byte copy[sizeof(T)];
    std::memcpy(copy, bytes(sizeof(T)).data(), sizeof(T));
    return __builtin_bit_cast(T, copy);
  }
  /// A number of elements, of which each takes a byte at least: no more than there are bytes left.
  std::size_t count() {
    const auto n = raw<std::uint64_t>();
    if (n > left()) [[unlikely]]
      refuse();
    return n;
  }
  /// The next descriptor, which is the caller's from now on.
  os::Fd descriptor();
  /// The next `size` bytes as a message of their own, without descriptors.
  Decoder part(std::size_t size) {
    Decoder part(bytes(size));
    part.level_ = level_;
    return part;
  }
  /// All bytes that are left, without taking them.
  std::span<const std::byte> rest() const noexcept { return {at_, end_}; }
  /// How many bytes there are still.
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  /// One level deeper; `leave` for each.
  void enter() {
    if (++level_ > Encoder::kMostLevels) [[unlikely]]
      refuse_depth();
  }
  /// One level up again.
  void leave() noexcept { --level_; }

  /// Throws DecodeError: for codecs that find what can't be.
  [[noreturn]] static void refuse(const char* why = "it ends too early");

 private:
  [[noreturn]] void refuse_depth();

  const std::byte* at_;
  const std::byte* end_;
  unsigned level_ = 0;
  std::span<os::Fd> descriptors_;
};

/// How a T is written and read: `static void write(Encoder&, const T&)` (or `T&&`, for what can only be moved across)
/// and `static T read(Decoder&)`. Specialised in codec.hpp for what the library knows, and by types that cross in a way
/// of their own. What `write` writes has a byte at least, unless it has a descriptor.
template <class T>
struct Codec;

}  // namespace plait
