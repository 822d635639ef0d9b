// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/process/portable.hpp"

namespace plait {
namespace detail {

/// `from`, to be moved from if `Owner` is being moved. A deep const of `Owner` ends here.
template <class Owner, class T>
constexpr auto&& as_part_of(T& from) noexcept {
  if constexpr (std::is_lvalue_reference_v<Owner> || std::is_const_v<Owner>) {
    return static_cast<const T&>(from);
  } else {
    return static_cast<T&&>(from);
  }
}

/// Writes as the codec of T has it: by the form that moves for an rvalue, if there is one.
template <class T, class V>
void write_as(Encoder& out, V&& value) {
  if constexpr (requires { Codec<T>::write(out, std::forward<V>(value)); }) {
    Codec<T>::write(out, std::forward<V>(value));
  } else {
    static_assert(
        !requires { Codec<T>::write(out, std::declval<T>()); },
        "this can only be moved to another process, as it has one owner: std::move it");
    static_assert(
        requires { Codec<T>::write(out, std::declval<T>()); },
        "plait::Codec of this type has no `static void write(plait::Encoder&, const T&)`");
  }
}
template <class T>
T read_as(Decoder& in) {
  return Codec<T>::read(in);
}

/// For what is read by functions that call each other: no message makes them overflow the stack.
template <class Coder>
class NestingLevel {
 public:
  explicit NestingLevel(Coder& coder) : coder_(coder) { coder_.enter(); }
  NestingLevel(const NestingLevel&) = delete;
  NestingLevel& operator=(const NestingLevel&) = delete;
  ~NestingLevel() { coder_.leave(); }

 private:
  Coder& coder_;
};

/// Refuses a bool that is neither: among the bytes of `value`, which may not be read as it is.
template <class T>
void check_booleans(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    unsigned char byte;
    std::memcpy(&byte, &value, 1);
    if (byte > 1) Decoder::refuse("a bool in it is neither true nor false");
  } else if constexpr (std::is_array_v<T> || StdArray<T>) {
    if constexpr (has_boolean<T>()) {
      for (const auto& each : value) check_booleans(each);
    }
  } else if constexpr (has_boolean<T>()) {
    with_members(value, [](const auto&... member) { (check_booleans(member), ...); });
  }
}

template <class T>
T read_bytes(Decoder& in) {
  if constexpr (has_boolean<T>()) {
    union Place {
      char none;
      T value;
      Place() noexcept : none() {}
    } place;
    std::memcpy(static_cast<void*>(&place), in.bytes(sizeof(T)).data(), sizeof(T));
    check_booleans(place.value);
    return place.value;
  } else {
    return in.raw<T>();
  }
}

/// Reads into what is there already.
template <class T>
void read_into(Decoder& in, T& value) {
  if constexpr (std::is_array_v<T>) {
    if constexpr (is_bytes<T>()) {
      std::memcpy(&value, in.bytes(sizeof value).data(), sizeof value);
      check_booleans(value);
    } else {
      for (auto& each : value) read_into(in, each);
    }
  } else {
    value = read_as<T>(in);
  }
}

template <class T, class... M>
T read_members(Decoder& in, Types<M...>) {
  if constexpr ((std::is_array_v<M> || ...)) {
    static_assert(!(std::is_const_v<std::remove_all_extents_t<M>> || ...),
                  "an aggregate with an array and a const member can't be read: specialise plait::Codec for it");
    T value{};
    with_members(value, [&in](auto&... member) { (read_into(in, member), ...); });
    return value;
  } else {
    return T{read_as<std::remove_cv_t<M>>(in)...};
  }
}
/// Members are seen as const, so that bit-fields can be; one that is moved is no more const than the whole.
template <class V, class T, class... M>
void write_members(Encoder& out, const T& value, Types<M...>) {
  with_members(value, [&out](const auto&... member) {
    (write_as<std::remove_cv_t<M>>(out, as_part_of<V>(const_cast<M&>(member))), ...);
  });
}
template <class V, class T, std::size_t... I>
void write_tuple(Encoder& out, T& value, std::index_sequence<I...>) {
  using std::get;
  (write_as<std::remove_cv_t<std::tuple_element_t<I, T>>>(out, as_part_of<V>(get<I>(value))), ...);
}
template <class T, std::size_t... I>
T read_tuple(Decoder& in, std::index_sequence<I...>) {
  return T{read_as<std::remove_cv_t<std::tuple_element_t<I, T>>>(in)...};
}
template <class T, std::size_t I, class A, class... More>
T read_alternative(Decoder& in, std::size_t index) {
  if (index == I) return T(std::in_place_index<I>, read_as<A>(in));
  if constexpr (sizeof...(More) != 0) {
    return read_alternative<T, I + 1, More...>(in, index);
  } else {
    Decoder::refuse("a variant in it has no such alternative");
  }
}
template <class V, std::size_t I, class A, class... More, class T>
void write_alternative(Encoder& out, T& value) {
  using std::get;
  if (value.index() == I) return write_as<A>(out, as_part_of<V>(get<I>(value)));
  if constexpr (sizeof...(More) != 0) write_alternative<V, I + 1, More...>(out, value);
}

/// For elements that are written one by one: each has a byte at least, so that their number can be checked before
/// anything is allocated for them.
class ElementsOut {
 public:
  ElementsOut(Encoder& out, std::size_t n) : level_(out), out_(out), n_(n) {
    out.raw(std::uint64_t{n});
    first_ = out.size();
  }
  /// To be called after the last one.
  void end() {
    for (std::size_t written = out_.size() - first_; written < n_; ++written) out_.raw(std::byte{});
  }

 private:
  NestingLevel<Encoder> level_;
  Encoder& out_;
  std::size_t n_;
  std::size_t first_;
};
class ElementsIn {
 public:
  explicit ElementsIn(Decoder& in) : level_(in), in_(in), n_(in.count()), left_(in.left()) {}
  std::size_t size() const noexcept { return n_; }
  /// To be called after the last one.
  void end() {
    const std::size_t taken = left_ - in_.left();
    if (taken < n_) in_.bytes(n_ - taken);
  }
  /// Makes room for as many as there are, if they are not much larger here than in the message.
  template <class C>
  void reserve(C& container) {
    if constexpr (requires { container.reserve(n_); }) {
      const std::size_t most = left_ / (1 + sizeof(typename C::value_type) / 4) + 1;
      container.reserve(n_ < most ? n_ : most);
    }
  }

 private:
  NestingLevel<Decoder> level_;
  Decoder& in_;
  std::size_t n_;
  std::size_t left_;
};

/// The codecs of the library, by how a type crosses. They have no functions of their own that check: what they write
/// and read is known to be portable.
template <class T, CodecKind Kind>
struct BuiltInCodec;

/// Numbers, enums, and all that consists of such.
template <class T>
struct BuiltInCodec<T, CodecKind::bytes> {
  static void write(Encoder& out, const T& value) { out.raw(value); }
  static T read(Decoder& in) { return read_bytes<T>(in); }
};

template <class T>
struct BuiltInCodec<T, CodecKind::boolean> {
  static void write(Encoder& out, bool value) { out.raw(value); }
  static T read(Decoder& in) {
    const auto byte = in.raw<unsigned char>();
    if (byte > 1) Decoder::refuse("a bool in it is neither true nor false");
    return byte != 0;
  }
};

/// std::bitset: bits beyond its size are made 0.
template <class T>
struct BuiltInCodec<T, CodecKind::bitset> {
  static void write(Encoder& out, const T& value) { out.raw(value); }
  static T read(Decoder& in) { return in.raw<T>() & ~T(); }
};

/// Aggregates, member by member.
template <class T>
struct BuiltInCodec<T, CodecKind::members> {
  template <class V>
  static void write(Encoder& out, V&& value) {
    write_members<V>(out, value, MembersOf<T>());
  }
  static T read(Decoder& in) { return read_members<T>(in, MembersOf<T>()); }
};

/// A C array is read where it is, as a member.
template <class T>
struct BuiltInCodec<T, CodecKind::c_array> {
  template <class V>
  static void write(Encoder& out, V&& value) {
    if constexpr (is_bytes<T>()) {
      out.bytes(&value, sizeof value);
    } else {
      for (auto& each : value) {
        write_as<std::remove_cvref_t<decltype(each)>>(out, as_part_of<V>(each));
      }
    }
  }
};

/// std::array of what is more than bytes.
template <class T>
struct BuiltInCodec<T, CodecKind::array> {
  template <class V>
  static void write(Encoder& out, V&& value) {
    for (auto& each : value) write_as<typename T::value_type>(out, as_part_of<V>(each));
  }
  static T read(Decoder& in) {
    if constexpr (std::is_default_constructible_v<T>) {
      T value{};
      for (auto& each : value) each = read_as<typename T::value_type>(in);
      return value;
    } else {
      return read_tuple<T>(in, std::make_index_sequence<std::tuple_size_v<T>>());
    }
  }
};

/// Classes with `encode` and `decode`.
template <class T>
struct BuiltInCodec<T, CodecKind::own_functions> {
  template <class V>
    requires requires(V&& value, Encoder& out) { std::forward<V>(value).encode(out); }
  static void write(Encoder& out, V&& value) {
    std::forward<V>(value).encode(out);
  }
  static T read(Decoder& in) { return T::decode(in); }
};

/// std::filesystem::path.
template <class T>
struct BuiltInCodec<T, CodecKind::path> {
  using String = typename T::string_type;
  static void write(Encoder& out, const T& value) { Codec<String>::write(out, value.native()); }
  static T read(Decoder& in) { return T(Codec<String>::read(in)); }
};

template <class T>
struct BuiltInCodec<T, CodecKind::optional> {
  using Value = typename T::value_type;
  template <class V>
  static void write(Encoder& out, V&& value) {
    const NestingLevel level(out);
    out.raw(value.has_value());
    if (value.has_value()) write_as<Value>(out, as_part_of<V>(*value));
  }
  static T read(Decoder& in) {
    const NestingLevel level(in);
    T value;
    if (read_as<bool>(in)) value.emplace(read_as<Value>(in));
    return value;
  }
};

template <template <class...> class Variant, class... A>
struct BuiltInCodec<Variant<A...>, CodecKind::variant> {
  using T = Variant<A...>;
  template <class V>
  static void write(Encoder& out, V&& value) {
    const NestingLevel level(out);
    if (value.valueless_by_exception()) misuse("a variant without a value can't be sent to another process");
    out.raw(static_cast<std::uint32_t>(value.index()));
    write_alternative<V, 0, A...>(out, value);
  }
  static T read(Decoder& in) {
    const NestingLevel level(in);
    return read_alternative<T, 0, A...>(in, in.raw<std::uint32_t>());
  }
};

/// The object that it owns crosses, or that there is none.
template <class T>
struct BuiltInCodec<T, CodecKind::unique_ptr> {
  using Value = std::remove_cv_t<typename T::element_type>;
  template <class V>
  static void write(Encoder& out, V&& value) {
    const NestingLevel level(out);
    out.raw(value != nullptr);
    if (value != nullptr) write_as<Value>(out, as_part_of<V>(*value));
  }
  static T read(Decoder& in) {
    const NestingLevel level(in);
    return read_as<bool>(in) ? T(new Value(read_as<Value>(in))) : T();
  }
};

/// Strings and vectors of numbers, at one blow. Where the message lies aligned, nothing is initialised before.
template <class T>
struct BuiltInCodec<T, CodecKind::block> {
  using Value = typename T::value_type;
  static void write(Encoder& out, const T& value) {
    out.raw(std::uint64_t{value.size()});
    if constexpr (alignof(Value) > 1) {
      const std::size_t padding = (0 - (out.size() + 1)) % alignof(Value);
      std::byte* const place = out.place(1 + padding);
      std::memset(place, 0, 1 + padding);
      *place = std::byte(padding);
    }
    out.bytes(value.data(), value.size() * sizeof(Value));
  }
  static T read(Decoder& in) {
    const std::size_t n = in.count();
    if constexpr (alignof(Value) > 1) in.bytes(in.raw<unsigned char>());
    if (n > in.left() / sizeof(Value)) Decoder::refuse();
    const std::byte* const from = in.bytes(n * sizeof(Value)).data();
    T value;
    if (reinterpret_cast<std::uintptr_t>(from) % alignof(Value) == 0) {
      const auto* const first = reinterpret_cast<const Value*>(from);
      value.assign(first, first + n);
    } else {
      value.resize(n);
      std::memcpy(value.data(), from, n * sizeof(Value));
    }
    return value;
  }
};

template <class T>
struct BuiltInCodec<T, CodecKind::sequence> {
  using Value = typename T::value_type;
  template <class V>
  static void write(Encoder& out, V&& value) {
    ElementsOut elements(out, value.size());
    for (auto&& each : value) write_as<Value>(out, as_part_of<V>(each));
    elements.end();
  }
  static T read(Decoder& in) {
    ElementsIn elements(in);
    T value;
    elements.reserve(value);
    for (std::size_t i = 0; i < elements.size(); ++i) value.push_back(read_as<Value>(in));
    elements.end();
    return value;
  }
};

/// Sets of all kinds.
template <class T>
struct BuiltInCodec<T, CodecKind::set> {
  using Value = typename T::value_type;
  static void write(Encoder& out, const T& value) {
    ElementsOut elements(out, value.size());
    for (const auto& each : value) write_as<Value>(out, each);
    elements.end();
  }
  static T read(Decoder& in) {
    ElementsIn elements(in);
    T value;
    elements.reserve(value);
    for (std::size_t i = 0; i < elements.size(); ++i) value.emplace_hint(value.end(), read_as<Value>(in));
    elements.end();
    return value;
  }
};

/// Maps of all kinds.
template <class T>
struct BuiltInCodec<T, CodecKind::map> {
  using Key = typename T::key_type;
  using Mapped = typename T::mapped_type;
  template <class V>
  static void write(Encoder& out, V&& value) {
    ElementsOut elements(out, value.size());
    for (auto& [key, mapped] : value) {
      write_as<Key>(out, key);
      write_as<Mapped>(out, as_part_of<V>(mapped));
    }
    elements.end();
  }
  static T read(Decoder& in) {
    ElementsIn elements(in);
    T value;
    elements.reserve(value);
    for (std::size_t i = 0; i < elements.size(); ++i) {
      Key key = read_as<Key>(in);
      value.emplace_hint(value.end(), std::move(key), read_as<Mapped>(in));
    }
    elements.end();
    return value;
  }
};

/// Pairs and tuples.
template <class T>
struct BuiltInCodec<T, CodecKind::tuple> {
  template <class V>
  static void write(Encoder& out, V&& value) {
    write_tuple<V>(out, value, std::make_index_sequence<std::tuple_size_v<T>>());
  }
  static T read(Decoder& in) { return read_tuple<T>(in, std::make_index_sequence<std::tuple_size_v<T>>()); }
};

template <class T>
concept HasBuiltInCodec = (codec_kind<T>() != CodecKind::none && codec_kind<T>() != CodecKind::serialize);

}  // namespace detail

/// What the library knows: numbers, enums, strings, containers, aggregates of such, and classes with `encode` and
/// `decode`; docs/design/crossing.md lists all.
template <detail::HasBuiltInCodec T>
struct Codec<T> : detail::BuiltInCodec<T, detail::codec_kind<T>()> {
  /// Tells it from a Codec that somebody wrote for his type.
  using BuiltIn = void;
};

template <class T>
void Encoder::write(T&& value) {
  using Value = std::remove_cvref_t<T>;
  detail::require_portable<Value>();
  if constexpr (Portable<Value>) detail::write_as<Value>(*this, std::forward<T>(value));
}

template <class T>
T Decoder::read() {
  detail::require_portable<T>();
  if constexpr (Portable<T>) {
    return detail::read_as<T>(*this);
  } else {
    refuse();
  }
}

}  // namespace plait
