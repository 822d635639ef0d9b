// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

namespace plait {

/// A callable that was moved out of a named one; made by `moved`.
template <class F>
class Moved {
 public:
  explicit Moved(F& f) noexcept(std::is_nothrow_move_constructible_v<F>) : f_(std::move(f)) {}

  /// Calls it.
  template <class... Args>
    requires std::is_invocable_v<F&, Args...>
  decltype(auto) operator()(Args&&... args) {
    return std::invoke(f_, std::forward<Args>(args)...);
  }

 private:
  F f_;
};

/// Hands a callable over that can only be moved, to a function that refuses closures in place with g++-12
/// (docs/design/compilers.md):
///
///     auto work = [file = std::move(file)]() mutable { … };
///     auto done = pool.submit(moved(work));
template <class F>
[[nodiscard]] Moved<F> moved(F& f) {
  return Moved<F>(f);
}

}  // namespace plait
