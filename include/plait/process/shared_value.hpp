// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "plait/process/shared_lock.hpp"

namespace plait::shared {

/// One object in memory that processes share (multiprocessing.Value). A handle: copies are the same Value, also in
/// another process. It protects nothing: take `get_lock()`, or a Lock of yours, round what reads and then writes, or
/// make T a lock-free std::atomic. Lifetime: the memory goes with the last handle of all processes.
template <class T>
class Value {
  static_assert((std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>),
                "A shared::Value holds bytes that mean the same in every process: T must be trivially copyable, and "
                "hold no pointers.");
  static_assert(!std::is_pointer_v<T>, "A pointer means nothing in another process: share the object instead.");
  static_assert(alignof(T) <= detail::SharedSegment::kHeader, "A shared::Value is aligned to 64 bytes at most.");

 public:
  /// A new Value, T(). Throws std::system_error.
  Value() : Value(make()) { std::construct_at(&**this); }
  /// A new Value, T(arguments…). Throws std::system_error.
  template <class... Args>
    requires(sizeof...(Args) > 0 && std::is_constructible_v<T, Args...>)
  explicit Value(Args&&... arguments) : Value(make()) {
    std::construct_at(&**this, std::forward<Args>(arguments)...);
  }

  /// The object itself. Whoever changes it while others read it needs a lock, or atomics.
  T& operator*() const noexcept { return handle_.template at<T>(kOffset); }
  T* operator->() const noexcept { return &**this; }
  /// The Lock that goes with it (Value.get_lock()), of the same lifetime.
  Lock get_lock() const noexcept { return Lock(handle_); }

 private:
  friend Codec<Value>;
  static constexpr std::size_t kOffset = 64;
  static_assert(sizeof(detail::SharedLockState) <= kOffset);

  explicit Value(const detail::SharedHandle& handle) noexcept : handle_(handle) {}
  static detail::SharedHandle make() {
    detail::SharedHandle handle(
        detail::SharedSegment::create(detail::SharedKind::value, sizeof(T), kOffset + sizeof(T)), sizeof(T));
    std::construct_at(&handle.at<detail::SharedLockState>());
    return handle;
  }

  detail::SharedHandle handle_;
};

}  // namespace plait::shared

/// A Value crosses as its memory file: both processes have the same object.
template <class T>
struct plait::Codec<plait::shared::Value<T>> {
  /// The memory file, as a descriptor.
  static void write(Encoder& encoder, const shared::Value<T>& value) { value.handle_.write(encoder); }
  /// A handle of the same.
  static shared::Value<T> read(Decoder& decoder) {
    return shared::Value<T>(
        detail::SharedHandle::read(decoder, detail::SharedKind::value, shared::Value<T>::kOffset + sizeof(T)));
  }
};
