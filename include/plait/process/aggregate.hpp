// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace plait::detail {

/// A list of types, as a value.
template <class... T>
struct Types {
  static constexpr std::size_t size = sizeof...(T);
};

/// The most members an aggregate may have to be taken apart.
inline constexpr std::size_t kMostMembers = 32;

/// Stands for any member while initialisers are counted; never called, and defined only for types without linkage.
struct AnyMember {
  template <class T>
  operator T() const {
    __builtin_unreachable();
  }
};
template <std::size_t>
using AnyMemberAt = AnyMember;
/// Stands for a base class only.
template <class T>
struct AnyBase {
  template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
  operator U() const {
    __builtin_unreachable();
  }
};

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) noexcept {
  return requires { T{AnyMemberAt<I>()...}; };
}
/// Whether T can be initialised with that many initialisers in braces: each array takes as many as it has elements.
template <class T, std::size_t N>
inline constexpr bool takes_initialisers = takes<T>(std::make_index_sequence<N>());

template <class T, std::size_t... Before, std::size_t... After>
constexpr bool takes_around(std::index_sequence<Before...>, std::index_sequence<After...>) noexcept {
  return requires { T{AnyMemberAt<Before>()..., {}, AnyMemberAt<After>()...}; };
}
/// Whether `{}` can stand for one member between others.
template <class T, std::size_t Before, std::size_t After>
inline constexpr bool takes_braces =
    takes_around<T>(std::make_index_sequence<Before>(), std::make_index_sequence<After>());

template <class T, std::size_t... I>
constexpr bool takes_in_parentheses(std::index_sequence<I...>) noexcept {
  return requires { T(AnyMemberAt<I>()...); };
}

template <class T, std::size_t N>
constexpr std::size_t count_up() noexcept {
  if constexpr (takes_initialisers<T, N + 1>) {
    return count_up<T, N + 1>();
  } else {
    return N;
  }
}
template <class T, std::size_t N>
constexpr std::size_t count_down() noexcept {
  if constexpr (N == 0 || takes_initialisers<T, N>) {
    return N;
  } else {
    return count_down<T, N - 1>();
  }
}
/// The greatest N of [Low, High) that T takes, of which it takes Low.
template <class T, std::size_t Low, std::size_t High>
constexpr std::size_t halve_initialisers() noexcept {
  if constexpr (High - Low == 1) {
    return Low;
  } else if constexpr (constexpr std::size_t middle = Low + (High - Low) / 2; takes_initialisers<T, middle>) {
    return halve_initialisers<T, middle, High>();
  } else {
    return halve_initialisers<T, Low, middle>();
  }
}
template <class T>
constexpr std::size_t count_initialisers() noexcept {
  if constexpr (!takes_initialisers<T, 0>) {
    return count_down<T, kMostMembers>();  // some member must be given a value
  } else if constexpr (!takes_initialisers<T, kMostMembers + 1>) {
    return count_up<T, 0>();
  } else {
    return halve_initialisers<T, kMostMembers + 1, sizeof(T) * 8 + 1>();
  }
}

/// How many initialisers fit behind `{}` at that place: the greatest of [Low, High), of which Low fits.
template <class T, std::size_t Before, std::size_t Low, std::size_t High>
constexpr std::size_t halve_after() noexcept {
  if constexpr (High - Low == 1) {
    return Low;
  } else if constexpr (constexpr std::size_t middle = Low + (High - Low) / 2; takes_braces<T, Before, middle>) {
    return halve_after<T, Before, middle, High>();
  } else {
    return halve_after<T, Before, Low, middle>();
  }
}
template <class T, std::size_t Total, std::size_t At, std::size_t Members>
constexpr std::size_t count_members_from() noexcept {
  if constexpr (At >= Total) {
    return Members;
  } else if constexpr (takes_braces<T, At, Total - At - 1> || !takes_braces<T, At, 0>) {
    return count_members_from<T, Total, At + 1, Members + 1>();
  } else {
    return count_members_from<T, Total, Total - halve_after<T, At, 0, Total - At - 1>(), Members + 1>();
  }
}
template <class T>
constexpr std::size_t count_members() noexcept {
  constexpr std::size_t total = count_initialisers<T>();
  if constexpr (takes_in_parentheses<T>(std::make_index_sequence<total>())) {
    return total;
  } else {
    return count_members_from<T, total, 0, 0>();
  }
}

/// How many members an aggregate has, each array as one.
template <class T>
inline constexpr std::size_t member_count = count_members<T>();

/// Whether the aggregate has base classes, which structured bindings can't take apart.
template <class T>
inline constexpr bool has_base = requires { T{AnyBase<T>()}; };

/// Calls `f` with all members of an aggregate, in order.
template <class T, class F>
constexpr decltype(auto) with_members(T& t, F&& f) {
  constexpr std::size_t n = member_count<std::remove_const_t<T>>;
  if constexpr (n == 0) {
    return f();
  } else if constexpr (n == 1) {
    auto& [m1] = t;
    return f(m1);
  } else if constexpr (n == 2) {
    auto& [m1, m2] = t;
    return f(m1, m2);
  } else if constexpr (n == 3) {
    auto& [m1, m2, m3] = t;
    return f(m1, m2, m3);
  } else if constexpr (n == 4) {
    auto& [m1, m2, m3, m4] = t;
    return f(m1, m2, m3, m4);
  } else if constexpr (n == 5) {
    auto& [m1, m2, m3, m4, m5] = t;
    return f(m1, m2, m3, m4, m5);
  } else if constexpr (n == 6) {
    auto& [m1, m2, m3, m4, m5, m6] = t;
    return f(m1, m2, m3, m4, m5, m6);
  } else if constexpr (n == 7) {
    auto& [m1, m2, m3, m4, m5, m6, m7] = t;
    return f(m1, m2, m3, m4, m5, m6, m7);
  } else if constexpr (n == 8) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8);
  } else if constexpr (n == 9) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9);
  } else if constexpr (n == 10) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10);
  } else if constexpr (n == 11) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11);
  } else if constexpr (n == 12) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12);
  } else if constexpr (n == 13) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13);
  } else if constexpr (n == 14) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14);
  } else if constexpr (n == 15) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15);
  } else if constexpr (n == 16) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16);
  } else if constexpr (n == 17) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17);
  } else if constexpr (n == 18) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18);
  } else if constexpr (n == 19) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19);
  } else if constexpr (n == 20) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20);
  } else if constexpr (n == 21) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21);
  } else if constexpr (n == 22) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22);
  } else if constexpr (n == 23) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23] =
        t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23);
  } else if constexpr (n == 24) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24);
  } else if constexpr (n == 25) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24, m25);
  } else if constexpr (n == 26) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24, m25, m26);
  } else if constexpr (n == 27) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24, m25, m26, m27);
  } else if constexpr (n == 28) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24, m25, m26, m27, m28);
  } else if constexpr (n == 29) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24, m25, m26, m27, m28, m29);
  } else if constexpr (n == 30) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24, m25, m26, m27, m28, m29, m30);
  } else if constexpr (n == 31) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30, m31] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24, m25, m26, m27, m28, m29, m30, m31);
  } else if constexpr (n == 32) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30, m31, m32] = t;
    return f(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
             m24, m25, m26, m27, m28, m29, m30, m31, m32);
  }
}

/// The types of an aggregate's members: Types<...>.
template <class T>
constexpr auto types_of_members(T& t) {
  constexpr std::size_t n = member_count<T>;
  if constexpr (n == 0) {
    return Types<>();
  } else if constexpr (n == 1) {
    auto& [m1] = t;
    return Types<decltype(m1)>();
  } else if constexpr (n == 2) {
    auto& [m1, m2] = t;
    return Types<decltype(m1), decltype(m2)>();
  } else if constexpr (n == 3) {
    auto& [m1, m2, m3] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3)>();
  } else if constexpr (n == 4) {
    auto& [m1, m2, m3, m4] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4)>();
  } else if constexpr (n == 5) {
    auto& [m1, m2, m3, m4, m5] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5)>();
  } else if constexpr (n == 6) {
    auto& [m1, m2, m3, m4, m5, m6] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6)>();
  } else if constexpr (n == 7) {
    auto& [m1, m2, m3, m4, m5, m6, m7] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7)>();
  } else if constexpr (n == 8) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8)>();
  } else if constexpr (n == 9) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9)>();
  } else if constexpr (n == 10) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10)>();
  } else if constexpr (n == 11) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11)>();
  } else if constexpr (n == 12) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12)>();
  } else if constexpr (n == 13) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13)>();
  } else if constexpr (n == 14) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13),
                 decltype(m14)>();
  } else if constexpr (n == 15) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15)>();
  } else if constexpr (n == 16) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16)>();
  } else if constexpr (n == 17) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17)>();
  } else if constexpr (n == 18) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18)>();
  } else if constexpr (n == 19) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19)>();
  } else if constexpr (n == 20) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20)>();
  } else if constexpr (n == 21) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21)>();
  } else if constexpr (n == 22) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22)>();
  } else if constexpr (n == 23) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23] =
        t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23)>();
  } else if constexpr (n == 24) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24)>();
  } else if constexpr (n == 25) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24), decltype(m25)>();
  } else if constexpr (n == 26) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24), decltype(m25), decltype(m26)>();
  } else if constexpr (n == 27) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24), decltype(m25), decltype(m26),
                 decltype(m27)>();
  } else if constexpr (n == 28) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24), decltype(m25), decltype(m26),
                 decltype(m27), decltype(m28)>();
  } else if constexpr (n == 29) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24), decltype(m25), decltype(m26),
                 decltype(m27), decltype(m28), decltype(m29)>();
  } else if constexpr (n == 30) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24), decltype(m25), decltype(m26),
                 decltype(m27), decltype(m28), decltype(m29), decltype(m30)>();
  } else if constexpr (n == 31) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30, m31] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24), decltype(m25), decltype(m26),
                 decltype(m27), decltype(m28), decltype(m29), decltype(m30), decltype(m31)>();
  } else if constexpr (n == 32) {
    auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30, m31, m32] = t;
    return Types<decltype(m1), decltype(m2), decltype(m3), decltype(m4), decltype(m5), decltype(m6), decltype(m7),
                 decltype(m8), decltype(m9), decltype(m10), decltype(m11), decltype(m12), decltype(m13), decltype(m14),
                 decltype(m15), decltype(m16), decltype(m17), decltype(m18), decltype(m19), decltype(m20),
                 decltype(m21), decltype(m22), decltype(m23), decltype(m24), decltype(m25), decltype(m26),
                 decltype(m27), decltype(m28), decltype(m29), decltype(m30), decltype(m31), decltype(m32)>();
  }
}
template <class T>
using MembersOf = decltype(types_of_members(std::declval<T&>()));

}  // namespace plait::detail
