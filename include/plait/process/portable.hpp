// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/process/codec_kind.hpp"

namespace plait {
namespace detail {

/// Where a part is found, for the compiler's messages. Members and elements count from 1.
template <std::size_t Number, class Aggregate>
struct Member;
template <std::size_t Number, class Tuple>
struct Element;
template <class Container>
struct ElementOf;
struct Itself;

/// Why a part can't cross.
enum class Refusal : std::uint8_t {
  none,
  pointer,
  reference,
  function,
  cereal,
  stateful,
  polymorphic,
  shared,
  closure,
  view,
  mutex,
  many,
  other,
};

/// Why T can't cross: the reason, the part of it that is to blame, and where that is.
template <Refusal Why, class Part, class Where>
struct Refused {
  static constexpr Refusal why = Why;
  using part = Part;
  using where = Where;
};

template <class T>
concept KeepsState = requires { requires !std::is_empty_v<typename T::key_compare>; } || requires {
  requires !std::is_empty_v<typename T::hasher>;
} || requires { requires !std::is_empty_v<typename T::key_equal>; };
template <class T>
concept CalledLike = requires { &T::operator(); };
template <class T>
concept ViewLike = requires(const T& t) {
  t.data();
  t.size();
};
template <class T>
concept SharedLike = requires(const T& t) { t.use_count(); };
template <class T>
concept LockableLike = requires(T& t) {
  t.lock();
  t.unlock();
};

template <class T>
concept Reference = requires(const T& t) {
  { t.get() } -> std::same_as<typename T::type&>;
};

// NOLINTBEGIN(bugprone-branch-clone): the branches of `if constexpr` are asked in order.
template <class T>
constexpr Refusal why_not() noexcept {
  if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T>) {
    using To = std::remove_pointer_t<T>;
    return std::is_function_v<To> || std::is_member_pointer_v<T> ? Refusal::function : Refusal::pointer;
  } else if constexpr (std::is_reference_v<T>) {
    return Refusal::reference;
  } else if constexpr (!std::is_class_v<T>) {
    return Refusal::other;
  } else if constexpr (PolymorphicPointer<T>) {
    return Refusal::polymorphic;
  } else if constexpr (Reference<T>) {
    return Refusal::reference;
  } else if constexpr (SharedLike<T>) {
    return Refusal::shared;
  } else if constexpr (LockableLike<T>) {
    return Refusal::mutex;
  } else if constexpr (ViewLike<T>) {
    return Refusal::view;
  } else if constexpr (std::is_aggregate_v<T>) {
    return Refusal::many;
  } else if constexpr (CalledLike<T>) {
    return Refusal::closure;
  } else {
    return Refusal::other;
  }
}

struct Crosses {
  static constexpr Refusal why = Refusal::none;
};

/// `Open` are the aggregates that are being looked at, so that one may contain itself in a container.
template <class T, class Where, class... Open>
constexpr auto find_refusal();

template <class Where, class... Open, class First, class... Rest>
constexpr auto first_refusal(First first, Rest... rest) {
  if constexpr (First::why != Refusal::none || sizeof...(Rest) == 0) {
    return first;
  } else {
    return first_refusal<Where>(rest...);
  }
}
template <class T, class... Open, class... M, std::size_t... I>
constexpr auto find_in_members(Types<M...>, std::index_sequence<I...>) {
  return first_refusal<T>(Crosses(), find_refusal<std::remove_cv_t<M>, Member<I + 1, T>, T, Open...>()...);
}
template <class T, class... Open, std::size_t... I>
constexpr auto find_in_tuple(std::index_sequence<I...>) {
  return first_refusal<T>(Crosses(), find_refusal<std::tuple_element_t<I, T>, Element<I + 1, T>, Open...>()...);
}
template <class T, class... Open, template <class...> class V, class... A, std::size_t... I>
constexpr auto find_in_variant(const V<A...>*, std::index_sequence<I...>) {
  return first_refusal<T>(Crosses(), find_refusal<A, Element<I + 1, T>, Open...>()...);
}
template <template <class...> class V, class... A>
std::index_sequence_for<A...> indices_of_variant(const V<A...>*);

template <class T, class Where, CodecKind kind, class... Open>
constexpr auto find_in_kind() {
  if constexpr (kind == CodecKind::none) {
    return Refused<why_not<T>(), T, Where>();
  } else if constexpr (kind == CodecKind::serialize) {
    return Refused<Refusal::cereal, T, Where>();
  } else if constexpr (kind == CodecKind::members) {
    return find_in_members<T, Open...>(MembersOf<T>(), std::make_index_sequence<MembersOf<T>::size>());
  } else if constexpr (kind == CodecKind::tuple) {
    return find_in_tuple<T, Open...>(std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (kind == CodecKind::variant) {
    constexpr const T* const type = nullptr;
    return find_in_variant<T, Open...>(type, decltype(indices_of_variant(type))());
  } else if constexpr (kind == CodecKind::unique_ptr) {
    return find_refusal<std::remove_cv_t<typename T::element_type>, ElementOf<T>, Open...>();
  } else if constexpr (kind == CodecKind::c_array) {
    return find_refusal<std::remove_cv_t<std::remove_extent_t<T>>, ElementOf<T>, Open...>();
  } else if constexpr (kind == CodecKind::map || kind == CodecKind::set) {
    if constexpr (KeepsState<T>) {
      return Refused<Refusal::stateful, T, Where>();
    } else if constexpr (kind == CodecKind::map) {
      return first_refusal<T>(find_refusal<typename T::key_type, ElementOf<T>, Open...>(),
                              find_refusal<typename T::mapped_type, ElementOf<T>, Open...>());
    } else {
      return find_refusal<typename T::value_type, ElementOf<T>, Open...>();
    }
  } else if constexpr (kind == CodecKind::sequence || kind == CodecKind::optional || kind == CodecKind::array) {
    return find_refusal<typename T::value_type, ElementOf<T>, Open...>();
  } else {
    return Crosses();
  }
}
template <class T, class Where, class... Open>
constexpr auto find_refusal() {
  if constexpr ((std::is_same_v<T, Open> || ...)) {
    return Crosses();
  } else if constexpr (std::is_class_v<T> && HasOwnCodec<T>) {
    return Crosses();
  } else {
    return find_in_kind<T, Where, codec_kind<T>(), Open...>();
  }
}

// NOLINTEND(bugprone-branch-clone)
template <class T>
using RefusalOf = decltype(find_refusal<T, Itself>());

/// Stops the compiler with a sentence; the compiler says of which Part, and Where in the value it is.
template <class Part, class Where, Refusal Why>
constexpr void cannot_cross() noexcept {
  static_assert(Why != Refusal::pointer,
                "a pointer can't cross to another process, where it points nowhere: send the value (the Part named "
                "here; Where tells in what)");
  static_assert(Why != Refusal::reference,
                "a reference can't cross to another process: let this Part be a value (Where tells in what)");
  static_assert(Why != Refusal::function,
                "a pointer to a function or member can't cross inside data: pass the function as an argument of the "
                "call, where it is named by its place in the program (Where tells in what this Part is)");
  static_assert(Why != Refusal::cereal,
                "this Part has cereal's serialize() or save(): include <plait/cereal.hpp> before it is sent");
  static_assert(Why != Refusal::stateful,
                "a container whose comparison, hash or equality has a state can't cross to another process: the state "
                "would be lost. Let it be an empty class");
  static_assert(Why != Refusal::polymorphic,
                "a unique_ptr to a polymorphic class can't cross to another process: what a derived class adds would "
                "be lost. Send a variant, or use <plait/cereal.hpp>, which knows registered classes");
  static_assert(Why != Refusal::shared,
                "a shared_ptr can't cross to another process, where nothing is shared with this one: send the value, "
                "or use an object of plait::shared");
  static_assert(Why != Refusal::closure,
                "a lambda with captures, and a class that hides what it holds behind operator(), can't cross to "
                "another process, as nobody can see whether there is a "
                "pointer: write plait::by_value(lambda) if all it captured is values, or use a struct with members");
  static_assert(Why != Refusal::view,
                "a view of memory (string_view, span) can't cross to another process: send a std::string, a "
                "std::vector, or a plait::shared::Array");
  static_assert(Why != Refusal::mutex, "a lock of this process can't cross to another one: use plait::shared::Lock");
  static_assert(Why != Refusal::many,
                "this aggregate can't be taken apart to cross to another process: it has a base class, a reference, a "
                "union, or more than 32 members. Specialise plait::Codec for it");
  static_assert(Why != Refusal::other,
                "this Part can't cross to another process: its private members are unknown. Give it `void "
                "encode(plait::Encoder&) const` and `static T decode(plait::Decoder&)`, or specialise plait::Codec for "
                "it (Where tells in what it is)");
}

/// Stops the compiler if T can't cross.
template <class T>
constexpr void require_portable() noexcept {
  using R = RefusalOf<T>;
  if constexpr (R::why != Refusal::none) cannot_cross<typename R::part, typename R::where, R::why>();
}

}  // namespace detail

/// What can be sent to another process: see docs/design/crossing.md. For what can't, the functions that send say which
/// part is to blame.
template <class T>
concept Portable = detail::RefusalOf<std::remove_cv_t<T>>::why == detail::Refusal::none;

}  // namespace plait
