// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "plait/process/codec.hpp"

namespace plait {
namespace detail {

/// Throws std::logic_error if an aligned word of the object is the address of memory of this process.
void check_captures(const void* object, std::size_t size);

}  // namespace detail

/// A lambda that may be sent to another process with what it captured; made by `by_value`.
template <class F>
class ByValue {
 public:
  explicit ByValue(const F& f) noexcept : f_(f) {}

  /// Calls it.
  template <class... Args>
    requires std::is_invocable_v<F&, Args...>
  decltype(auto) operator()(Args&&... args) {
    return f_(std::forward<Args>(args)...);
  }
  template <class... Args>
    requires std::is_invocable_v<const F&, Args...>
  decltype(auto) operator()(Args&&... args) const {
    return f_(std::forward<Args>(args)...);
  }

  /// Writes its bytes. A build without NDEBUG looks for pointers among them.
  void encode(Encoder& out) const {
#ifndef NDEBUG
    detail::check_captures(&f_, sizeof f_);
#endif
    out.raw(f_);
  }
  /// Reads what `encode` wrote.
  static ByValue decode(Decoder& in) { return ByValue(in.raw<F>()); }

 private:
  F f_;
};

/// Says that all that a lambda captured is values, so that it can be sent to another process as it is:
///
///     pool.submit(by_value([offset](int x) { return x + offset; }), 1);
///
/// The compiler can't tell a captured pointer or reference from a value. A build without NDEBUG looks at each word when
/// the lambda is sent, and throws std::logic_error, with the place, if it is the address of memory of this process.
template <class F>
[[nodiscard]] ByValue<F> by_value(const F& f) noexcept {
  static_assert(
      std::is_trivially_copyable_v<F>,
      "by_value: this lambda captured something that is more than its bytes (a std::string, a vector, a "
      "unique_ptr): pass that as an argument of the call, or write a struct with operator() and such members");
  return ByValue<F>(f);
}

}  // namespace plait
