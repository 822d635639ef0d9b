// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <type_traits>

#include "plait/process/shared_lock.hpp"

namespace plait::shared {

/// An array in memory that processes share (multiprocessing.Array): one mapping, no copies. A handle: copies are the
/// same Array, also in another process. It protects nothing, see Value. Pages cost memory once they are touched.
/// Lifetime: the memory goes with the last handle of all processes.
template <class T>
class Array {
  static_assert((std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>),
                "A shared::Array holds bytes that mean the same in every process: T must be trivially copyable, and "
                "hold no pointers.");
  static_assert(!std::is_pointer_v<T>, "A pointer means nothing in another process: share the objects instead.");
  static_assert(alignof(T) <= detail::SharedSegment::kHeader, "A shared::Array is aligned to 64 bytes at most.");

 public:
  using value_type = T;

  /// A new Array of `size` elements, each T(). Throws std::system_error, std::length_error.
  explicit Array(std::size_t size) : Array(make(size)) {
    if constexpr (!std::is_trivially_default_constructible_v<T>) std::uninitialized_value_construct_n(data(), size);
  }
  /// A new Array with a copy of `elements`. Throws std::system_error, std::length_error.
  explicit Array(std::span<const T> elements) : Array(make(elements.size())) {
    std::uninitialized_copy_n(elements.data(), elements.size(), data());
  }

  std::size_t size() const noexcept { return size_; }
  T* data() const noexcept { return data_; }
  T& operator[](std::size_t i) const noexcept { return data_[i]; }
  /// The same, checked: throws std::out_of_range.
  T& at(std::size_t i) const {
    if (i >= size_) throw std::out_of_range("shared::Array::at(): the index is not below the size");
    return data_[i];
  }
  T* begin() const noexcept { return data_; }
  T* end() const noexcept { return data_ + size_; }
  std::span<T> span() const noexcept { return {data_, size_}; }
  /// The Lock that goes with it (Array.get_lock()), of the same lifetime.
  Lock get_lock() const noexcept { return Lock(handle_); }

 private:
  friend Codec<Array>;
  static constexpr std::size_t kOffset = 64;
  static_assert(sizeof(detail::SharedLockState) <= kOffset);

  explicit Array(const detail::SharedHandle& handle) noexcept
      : handle_(handle),
        data_(std::launder(reinterpret_cast<T*>(handle_.segment().body() + kOffset))),
        size_((handle_.segment().size() - kOffset) / sizeof(T)) {}
  static detail::SharedHandle make(std::size_t size) {
    if (size > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / 2 / sizeof(T))
      throw std::length_error("shared::Array: too many elements");
    detail::SharedHandle handle(
        detail::SharedSegment::create(detail::SharedKind::array, sizeof(T), kOffset + size * sizeof(T)), sizeof(T));
    std::construct_at(&handle.at<detail::SharedLockState>());
    return handle;
  }

  detail::SharedHandle handle_;
  T* data_;
  std::size_t size_;
};

/// Bytes that processes share (multiprocessing.shared_memory.SharedMemory), without a name: nothing is left of it when
/// the last handle of all processes is gone, however they ended, and nobody's end takes it from the others.
class Memory : public Array<std::byte> {
 public:
  /// `size` bytes, all zero. Throws std::system_error, std::length_error.
  explicit Memory(std::size_t size) : Array(size) {}
  /// The bytes (SharedMemory.buf).
  std::span<std::byte> bytes() const noexcept { return span(); }

 private:
  friend Codec<Memory>;
  explicit Memory(const Array<std::byte>& array) noexcept : Array(array) {}
};

}  // namespace plait::shared

/// An Array crosses as its memory file: both processes have the same elements.
template <class T>
struct plait::Codec<plait::shared::Array<T>> {
  /// The memory file, as a descriptor.
  static void write(Encoder& encoder, const shared::Array<T>& array) { array.handle_.write(encoder); }
  /// A handle of the same.
  static shared::Array<T> read(Decoder& decoder) {
    return shared::Array<T>(detail::SharedHandle::read(decoder, detail::SharedKind::array, shared::Array<T>::kOffset));
  }
};

/// As an Array of bytes.
template <>
struct plait::Codec<plait::shared::Memory> {
  static void write(Encoder& encoder, const shared::Memory& memory) {
    Codec<shared::Array<std::byte>>::write(encoder, memory);
  }
  static shared::Memory read(Decoder& decoder) {
    return shared::Memory(Codec<shared::Array<std::byte>>::read(decoder));
  }
};
