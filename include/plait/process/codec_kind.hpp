// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "plait/process/aggregate.hpp"
#include "plait/process/encoder.hpp"

namespace plait {

/// Say `template <> inline constexpr bool plait::portable_bytes<T> = true;` for a trivially copyable class whose bytes
/// mean the same in another process, which the compiler can't see: it has private members, and no pointer is among
/// them.
template <class T>
inline constexpr bool portable_bytes = false;

namespace detail {

/// How a type crosses.
enum class CodecKind : std::uint8_t {
  none,
  bytes,
  boolean,
  members,
  c_array,
  array,
  own_functions,
  bitset,
  path,
  optional,
  variant,
  unique_ptr,
  block,
  sequence,
  set,
  map,
  tuple,
  serialize,
};

template <class T>
constexpr CodecKind codec_kind();

/// Whether the type, or its user, has said how it crosses.
template <class T>
concept HasOwnCodec = requires { sizeof(Codec<T>); } && !requires { typename Codec<T>::BuiltIn; };

template <class T>
concept HasOwnFunctions = requires(Encoder& out, Decoder& in, T&& value) {
  std::forward<T>(value).encode(out);
  { T::decode(in) } -> std::same_as<T>;
};
/// What cereal's archives look like from afar.
struct AnyArchive {
  template <class... T>
  AnyArchive& operator()(T&&...);
  template <class T>
  AnyArchive& operator&(T&&);
};
template <class T>
concept HasSerialize = requires(T& value, AnyArchive& archive) { value.serialize(archive); } ||
                       requires(const T& value, AnyArchive& archive) { value.save(archive); };

template <class T>
concept DurationLike = requires(const T& t) {
  typename T::rep;
  typename T::period;
  t.count();
} && std::is_arithmetic_v<typename T::rep>;
template <class T>
concept TimePointLike = requires(const T& t) {
  typename T::clock;
  t.time_since_epoch();
} && DurationLike<typename T::duration>;
template <class T>
concept ComplexLike = requires(const T& t) {
  typename T::value_type;
  t.real();
  t.imag();
} && std::is_arithmetic_v<typename T::value_type>;
template <class T>
concept BitsetLike = requires(const T& t) {
  t.test(std::size_t{});
  t.to_ullong();
  ~t;
};
template <class T>
concept TupleShape = requires { std::tuple_size<T>::value; };
template <class T>
concept StdArray = TupleShape<T> && requires(T& t) {
  typename T::value_type;
  t.fill(t[0]);
};
template <class T>
concept PathLike = requires(const T& t) {
  typename T::string_type;
  { t.native() } -> std::same_as<const typename T::string_type&>;
  t.filename();
};
template <class T>
concept OptionalLike = requires(T& t) {
  typename T::value_type;
  t.has_value();
  *t;
  t.reset();
  t.emplace(std::declval<typename T::value_type>());
};
template <class T>
concept VariantLike = requires(const T& t) {
  t.index();
  t.valueless_by_exception();
};

/// A container owns its elements: it can be emptied.
template <class T>
concept ContainerLike = std::is_default_constructible_v<T> && requires(T& t, const T& c) {
  typename T::value_type;
  c.begin();
  c.end();
  c.size();
  t.clear();
};
template <class T>
concept MapLike = ContainerLike<T> && requires { typename T::mapped_type; };
template <class T>
concept SetLike = ContainerLike<T> && requires { typename T::key_type; };
template <class T>
concept SequenceLike = ContainerLike<T> && requires(T& t) { t.push_back(std::declval<typename T::value_type>()); };

// NOLINTBEGIN(bugprone-branch-clone): the branches of `if constexpr` are asked in order.
template <class T>
constexpr bool is_bytes() noexcept;
template <class T>
constexpr bool has_boolean() noexcept;

/// A part with a codec of its own is not copied with the rest.
template <class T>
constexpr bool is_bytes_as_part() noexcept {
  if constexpr (std::is_array_v<T>) {
    return is_bytes<T>();
  } else if constexpr (HasOwnCodec<T>) {
    return false;
  } else {
    return is_bytes<T>();
  }
}
template <class... M>
constexpr bool all_bytes(Types<M...>) noexcept {
  return (is_bytes_as_part<std::remove_cv_t<M>>() && ...);
}
template <class... M>
constexpr bool any_boolean(Types<M...>) noexcept {
  return (has_boolean<std::remove_cv_t<M>>() || ...);
}

/// An aggregate that can be taken apart. Not one that has its members from a base class.
template <class T>
constexpr bool has_members() noexcept {
  if constexpr (!std::is_aggregate_v<T> || std::is_union_v<T> || std::is_array_v<T>) {
    return false;
  } else if constexpr (has_base<T>) {
    return false;
  } else {
    return std::is_empty_v<T> || (member_count<T> != 0 && member_count<T> <= kMostMembers);
  }
}

/// Whether a T is written by one memcpy. Looks only at trivially copyable types, which can't contain themselves.
template <class T>
constexpr bool is_bytes() noexcept {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_null_pointer_v<T> || portable_bytes<T>) {
    return true;
  } else if constexpr (std::is_array_v<T>) {
    return std::extent_v<T> != 0 && is_bytes_as_part<std::remove_cv_t<std::remove_extent_t<T>>>();
  } else if constexpr (!std::is_class_v<T> || !std::is_trivially_copyable_v<T> || HasOwnFunctions<T>) {
    return false;
  } else if constexpr (DurationLike<T> || TimePointLike<T> || ComplexLike<T>) {
    return true;
  } else if constexpr (StdArray<T>) {
    return is_bytes_as_part<typename T::value_type>();
  } else if constexpr (has_members<T>()) {
    return all_bytes(MembersOf<T>());
  } else {
    return std::is_empty_v<T> && std::is_default_constructible_v<T>;
  }
}

/// Whether there is a bool among the bytes, which has values that may not be read.
template <class T>
constexpr bool has_boolean() noexcept {
  if constexpr (std::is_same_v<T, bool>) {
    return true;
  } else if constexpr (std::is_array_v<T>) {
    return has_boolean<std::remove_cv_t<std::remove_extent_t<T>>>();
  } else if constexpr (!std::is_class_v<T> || portable_bytes<T> || DurationLike<T> || TimePointLike<T> ||
                       ComplexLike<T>) {
    return false;
  } else if constexpr (StdArray<T>) {
    return has_boolean<typename T::value_type>();
  } else if constexpr (has_members<T>()) {
    return any_boolean(MembersOf<T>());
  } else {
    return false;
  }
}

/// Whether elements lie side by side, to be copied at once.
template <class T>
concept Block = SequenceLike<T> && is_bytes_as_part<typename T::value_type>() &&
                !has_boolean<typename T::value_type>() && requires(T& t, const typename T::value_type* p) {
                  { t.data() } -> std::same_as<typename T::value_type*>;
                  t.resize(std::size_t{});
                  t.assign(p, p);
                };

template <class T>
inline constexpr bool is_unique_ptr = false;
/// Of a polymorphic class what a derived one adds would be lost.
template <class T>
  requires(!std::is_array_v<T> && !(std::is_polymorphic_v<T> && !std::is_final_v<T>))
inline constexpr bool is_unique_ptr<std::unique_ptr<T>> = true;
template <class T>
concept PolymorphicPointer = requires { typename T::deleter_type; } && std::is_polymorphic_v<typename T::element_type>;

template <class T>
constexpr CodecKind codec_kind() {
  using enum CodecKind;
  if constexpr (std::is_same_v<T, bool>) {
    return boolean;
  } else if constexpr (std::is_class_v<T> && HasOwnFunctions<T>) {
    return own_functions;
  } else if constexpr (std::is_class_v<T> && HasSerialize<T>) {
    return serialize;
  } else if constexpr (std::is_array_v<T>) {
    return std::is_bounded_array_v<T> ? c_array : none;
  } else if constexpr (is_bytes<T>()) {
    return bytes;
  } else if constexpr (StdArray<T>) {
    return array;
  } else if constexpr (!std::is_class_v<T>) {
    return none;
  } else if constexpr (BitsetLike<T>) {
    return bitset;
  } else if constexpr (PathLike<T>) {
    return path;
  } else if constexpr (VariantLike<T>) {
    return variant;
  } else if constexpr (OptionalLike<T>) {
    return optional;
  } else if constexpr (is_unique_ptr<T>) {
    return unique_ptr;
  } else if constexpr (Block<T>) {
    return block;
  } else if constexpr (MapLike<T>) {
    return map;
  } else if constexpr (SetLike<T>) {
    return set;
  } else if constexpr (SequenceLike<T>) {
    return sequence;
  } else if constexpr (TupleShape<T>) {
    return tuple;
  } else if constexpr (has_members<T>()) {
    return members;
  } else {
    return none;
  }
}

// NOLINTEND(bugprone-branch-clone)
}  // namespace detail
}  // namespace plait
