// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "plait/core/leaf.hpp"

namespace plait::detail {

/// Holds something of a primitive, as its `release` counts it, until it dies. Move-only.
template <class Primitive>
class [[nodiscard]] Guard {
 public:
  /// Takes over what the caller holds (std::adopt_lock).
  explicit Guard(Primitive& primitive) noexcept : held_(&primitive) {}
  Guard(Guard&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  Guard& operator=(Guard&&) = delete;
  ~Guard() {
    if (held_) held_->release();
  }

 private:
  Primitive* held_;
};

/// The operation that takes something of a primitive. `Given` is what it gives: void, or a Guard. The primitive
/// has `try_acquire`, `release`, and for this class `enqueue` and `withdraw`.
template <class Primitive, class Given>
class Acquire : public Leaf<Acquire<Primitive, Given>> {
 public:
  Acquire(Primitive& primitive, WaitKind kind) noexcept : Leaf<Acquire>(kind, &primitive), primitive_(&primitive) {}

  bool try_now() noexcept { return primitive_->try_acquire(); }
  bool enqueue() noexcept { return primitive_->enqueue(*this); }
  bool withdraw() noexcept { return primitive_->withdraw(*this); }
  bool give_back() noexcept {
    try {
      primitive_->release();
    } catch (const std::logic_error&) {
      // Somebody released in our place by mistake: there is nothing to give back.
    }
    return true;
  }
  Given take() noexcept {
    if constexpr (!std::is_void_v<Given>) return Given(*primitive_);
  }

 protected:
  Primitive* primitive_;
};

}  // namespace plait::detail
