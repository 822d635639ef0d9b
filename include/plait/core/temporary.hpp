// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

namespace plait::detail {

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ <= 12

/// Whether T is the type of a lambda, which only its printed name tells: the last part is `<lambda(…)>`.
template <class T>
constexpr bool is_closure() noexcept {
  std::string_view name = __PRETTY_FUNCTION__;
  name.remove_suffix(1);
  if (!name.ends_with('>')) return false;
  std::size_t at = name.size();
  for (int depth = 0; at-- > 0;) {
    if (name[at] == '>' || name[at] == ')') ++depth;
    if ((name[at] == '<' || name[at] == '(') && --depth == 0) break;
  }
  return name.substr(at).starts_with("<lambda");
}

/// Whether g++ destroys a temporary of type T twice if it is written in an expression with `co_await`: an aggregate or
/// a closure with a destructor that does something (docs/design/compilers.md).
template <class T>
inline constexpr bool destroyed_twice = false;
template <class T>
  requires(std::is_class_v<T> && !std::is_trivially_destructible_v<T>)
inline constexpr bool destroyed_twice<T> = std::is_aggregate_v<T> || is_closure<T>();

#else

template <class T>
inline constexpr bool destroyed_twice = false;

#endif

/// For functions that return awaitables and take `T&&`: refuses arguments that the compiler can't be trusted with.
template <class... T>
constexpr void refuse_twice_destroyed() noexcept {
  static_assert((!destroyed_twice<T> && ...),
                "name it first: g++-12 destroys a capturing lambda (or an aggregate) that is written inside a co_await "
                "expression twice. Write `auto f = [...] {...};` and pass f, or moved(f) if it can't be copied.");
}

}  // namespace plait::detail
