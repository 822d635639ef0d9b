// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/process/by_value.hpp"
#include "plait/process/code_place.hpp"
#include "plait/process/codec.hpp"
#include "plait/process/remote_error.hpp"

namespace plait {

namespace detail {

/// What a call is named by: one constant for each pair of function type and argument types, whose place in its module
/// both processes agree on.
struct CallType {
  static constexpr Magic kMagic = {{0x6c6c61632d746961, 0x8f1d3a5577c2e94b}};

  Magic magic;
  /// Reads function and arguments, calls, and writes the result. Throws what they throw.
  void (*run)(Decoder& in, const os::Module& home, Encoder& out);
  /// The name of the function that the message calls.
  std::string (*name)(Decoder& in, const os::Module& home);
};

/// The type of the call that a message begins with, and its module. Throws DecodeError and UnknownCall.
std::pair<const CallType*, const os::Module*> read_call_type(Decoder& in);
/// `long (*)(int)` of `constexpr auto plait::detail::type_name() [with T = long (*)(int)]`.
std::string_view name_in(std::string_view pretty) noexcept;
/// The function's name, or its type and where it is.
std::string name_of_function(const void* function, std::string_view type);

template <class T>
std::string_view type_name() noexcept {
  return name_in(__PRETTY_FUNCTION__);
}

/// How the function of a call, or one of its arguments, crosses: as a value of type T. More than a part of data may, as
/// functions are named by their place, and literals become strings.
template <class T>
struct CallPart {
  using Passed = T;
  static constexpr void require() { require_portable<T>(); }
  template <class V>
  static void write(Encoder& out, V&& value, const os::Module&) {
    if constexpr (Portable<T>) write_as<T>(out, std::forward<V>(value));
  }
  static T read(Decoder& in, const os::Module&) { return read_as<T>(in); }
  static std::string name(const T&) { return std::string(type_name<T>()); }
};

template <class T>
concept FunctionPointer = std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>;

template <FunctionPointer T>
struct CallPart<T> {
  using Passed = T;
  static constexpr void require() {}
  static void write(Encoder& out, T function, const os::Module& home) {
    write_function(out, reinterpret_cast<const void*>(function), home);
  }
  static T read(Decoder& in, const os::Module& home) {
    return reinterpret_cast<T>(const_cast<void*>(read_function(in, home)));
  }
  static std::string name(T function) {
    return name_of_function(reinterpret_cast<const void*>(function), type_name<T>());
  }
};

/// Of a virtual function it is an index, otherwise an address (Itanium C++ ABI 2.3).
template <class T>
  requires std::is_member_function_pointer_v<T>
struct CallPart<T> {
  struct Words {
    std::uintptr_t function;
    std::uintptr_t adjustment;
  };
  using Passed = T;
  static constexpr void require() {}
  static bool is_address(const Words& words) noexcept {
#if defined(__aarch64__) || defined(__arm__)
    return (words.adjustment & 1) == 0;
#else
    return (words.function & 1) == 0;
#endif
  }
  static void write(Encoder& out, T function, const os::Module& home) {
    const auto words = __builtin_bit_cast(Words, function);
    out.raw(words);
    if (is_address(words)) write_function(out, reinterpret_cast<const void*>(words.function), home);
  }
  static T read(Decoder& in, const os::Module& home) {
    auto words = in.raw<Words>();
    if (is_address(words)) words.function = reinterpret_cast<std::uintptr_t>(read_function(in, home));
    return __builtin_bit_cast(T, words);
  }
  static std::string name(T function) {
    const auto words = __builtin_bit_cast(Words, function);
    return is_address(words) ? name_of_function(reinterpret_cast<const void*>(words.function), type_name<T>())
                             : std::string(type_name<T>());
  }
};

/// A pointer to a data member is an offset.
template <class T>
  requires std::is_member_object_pointer_v<T>
struct CallPart<T> {
  using Passed = T;
  static constexpr void require() {}
  static void write(Encoder& out, T member, const os::Module&) { out.raw(member); }
  static T read(Decoder& in, const os::Module&) { return in.raw<T>(); }
  static std::string name(T) { return std::string(type_name<T>()); }
};

/// A lambda without captures, even one that can't be made anew because it names a capture default.
template <class T>
  requires(std::is_empty_v<T> && std::is_trivially_copyable_v<T> && !std::is_default_constructible_v<T>)
struct CallPart<T> {
  using Passed = T;
  static constexpr void require() {}
  static void write(Encoder&, const T&, const os::Module&) {}
  static T read(Decoder&, const os::Module&) { return __builtin_bit_cast(T, std::byte{}); }
  static std::string name(const T&) { return std::string(type_name<T>()); }
};

template <>
struct CallPart<const char*> {
  using Passed = std::string;
  static constexpr void require() {}
  static void write(Encoder& out, const char* text, const os::Module&) {
    if (text == nullptr) misuse("a null `const char*` can't be sent to another process as a string");
    write_as<std::string>(out, std::string(text));
  }
  static std::string read(Decoder& in, const os::Module&) { return read_as<std::string>(in); }
};

/// An argument as f gets it: an rvalue. A literal is a std::string there, or, if f can't be called with such, again a
/// `const char*`.
template <bool AsLiterals, class T>
decltype(auto) pass_argument(T& value) noexcept {
  if constexpr (AsLiterals && std::is_same_v<T, std::string>) {
    return value.c_str();
  } else {
    return std::move(value);
  }
}
template <class T>
using Literal = std::conditional_t<std::is_same_v<T, const char*>, const char*, T>;
template <class F, class... Args>
inline constexpr bool with_strings = std::is_invocable_v<F, typename CallPart<Args>::Passed...>;

template <bool WithStrings, class F, class... Args>
struct CallResultOf : std::invoke_result<F, typename CallPart<Args>::Passed...> {};
template <class F, class... Args>
struct CallResultOf<false, F, Args...> : std::invoke_result<F, Args...> {};

/// What a call of `f(args...)` in another process gives: all are decayed.
template <class F, class... Args>
using CallResult = std::decay_t<typename CallResultOf<with_strings<std::decay_t<F>, std::decay_t<Args>...>,
                                                      std::decay_t<F>, std::decay_t<Args>...>::type>;

template <class F, class... Args>
struct CallTypeOf {
  static void run(Decoder& in, const os::Module& home, Encoder& out) {
    using Result = CallResult<F, Args...>;
    auto f = CallPart<F>::read(in, home);
    std::tuple<typename CallPart<Args>::Passed...> arguments{CallPart<Args>::read(in, home)...};
    const auto call = [&](auto&... argument) -> decltype(auto) {
      if constexpr (with_strings<F, Args...>) {
        return std::invoke(std::move(f), std::move(argument)...);
      } else {
        return std::invoke(std::move(f), pass_argument<std::is_same_v<Args, const char*>>(argument)...);
      }
    };
    if constexpr (std::is_void_v<Result>) {
      std::apply(call, arguments);
      out.raw(std::uint8_t{0});
    } else {
      decltype(auto) result = std::apply(call, arguments);
      out.raw(std::uint8_t{0});
      write_as<Result>(out, std::forward<decltype(result)>(result));
    }
  }
  static std::string name(Decoder& in, const os::Module& home) {
    const auto f = CallPart<F>::read(in, home);
    return CallPart<F>::name(f);
  }
  static constinit const CallType type;

  /// Where `type` is, looked up once.
  static const CodePlace& place() {
    static const CodePlace found = place_of(&type);
    return found;
  }
};
template <class F, class... Args>
constinit const CallType CallTypeOf<F, Args...>::type = {CallType::kMagic, &CallTypeOf::run, &CallTypeOf::name};

/// Whether `encode_call` takes these.
template <class F, class... Args>
concept PortableCall = requires { typename CallResult<F, Args...>; };

/// Stops the compiler, with a sentence that names the part, if that call can't be made in another process.
template <class F, class... Args>
constexpr void require_portable_call() {
  CallPart<std::decay_t<F>>::require();
  (CallPart<std::decay_t<Args>>::require(), ...);
  static_assert(PortableCall<F, Args...>,
                "f can't be called with these arguments in another process: they are copied there (decayed, as for "
                "std::thread), and passed as rvalues; a literal is a std::string there");
  if constexpr (PortableCall<F, Args...>) {
    if constexpr (!std::is_void_v<CallResult<F, Args...>>) require_portable<CallResult<F, Args...>>();
  }
}

/// Writes the call of `f(args...)`, to be made by `run_call` in another process of the same build. `f` is a function, a
/// pointer to a function or member, a lambda without captures or `by_value`, or an object of a portable class. Throws
/// what codecs throw; then the encoder has a part of the message, which is to be cut.
template <class F, class... Args>
void encode_call(Encoder& out, F&& f, Args&&... args) {
  require_portable_call<F, Args...>();
  if constexpr (PortableCall<F, Args...>) {
    const CodePlace& place = CallTypeOf<std::decay_t<F>, std::decay_t<Args>...>::place();
    write_place(out, place);
    CallPart<std::decay_t<F>>::write(out, std::forward<F>(f), *place.home);
    (CallPart<std::decay_t<Args>>::write(out, std::forward<Args>(args), *place.home), ...);
  }
}

/// Makes the call that `in` begins with, and writes to `out` what it gives or throws, for `decode_result`. What could
/// not be read, or not be written, is an exception, too. Throws nothing but std::bad_alloc.
void run_call(Decoder& in, Encoder& out);
/// Writes that a call failed with `error`, as `run_call` does. `call` is its name, `frames` is where it was thrown.
void encode_failure(Encoder& out, const std::exception_ptr& error, std::string_view call,
                    std::span<const void* const> frames = {});

/// What a call gave: returns it, or throws what it threw.
template <class R>
R decode_result(Decoder& in) {
  if (in.raw<std::uint8_t>() != 0) std::rethrow_exception(read_error(in));
  if constexpr (!std::is_void_v<R>) return read_as<R>(in);
}

/// The name of the function that a call calls, for messages to people: `fib(int)`, `main::{lambda(int)#1}`. Slow.
std::string call_name(std::span<const std::byte> call) noexcept;

}  // namespace detail
}  // namespace plait
