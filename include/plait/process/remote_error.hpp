// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "plait/core/exceptions.hpp"
#include "plait/process/code_place.hpp"
#include "plait/process/codec.hpp"

namespace plait {

/// What is known of an exception that arose in another process: a base of what is thrown here, beside the exception's
/// own type. Get it by `remote_info`. Python's _RemoteTraceback.
class RemoteInfo : public detail::Described {
 public:
  /// What is told of it.
  struct Story {
    int pid = 0;          ///< the process it arose in
    std::string process;  ///< the name of the process, if it has one
    std::string call;     ///< what it ran
    std::string type;     ///< the exception's type there
    std::string what;     ///< its text there
    /// Addresses in the functions that it left there, as they lie in this process; `where` has their names.
    std::vector<const void*> frames = {};
  };
  explicit RemoteInfo(Story story) : story_(std::move(story)) {}

  /// All of it.
  const Story& story() const noexcept { return story_; }
  /// From where it was thrown, a function a line, innermost first: "parse(std::string) at parser.cpp:12", with the line
  /// of the source if the program has debug information; empty where nothing is known, as of an exception that was kept
  /// and thrown again later. Slow the first time: reads the program's file.
  std::string where() const;
  /// `app::ParseError: line 3 (in process 4711 "worker-1", in parse(std::string))`, and `where` on lines of its own.
  std::string description() const override;

 protected:
  RemoteInfo(const RemoteInfo&) = default;
  RemoteInfo& operator=(const RemoteInfo&) = default;
  ~RemoteInfo() override = default;

 private:
  Story story_;
};

/// Where the exception arose, if that was in another process; null otherwise. Valid as long as the exception.
inline const RemoteInfo* remote_info(const std::exception& error) noexcept {
  return dynamic_cast<const RemoteInfo*>(&error);
}
const RemoteInfo* remote_info(const std::exception_ptr& error) noexcept;

/// Makes the codes of a category of one's own arrive as such. The category lives until the program ends. Codes of
/// others arrive with their value and text, in a category of the same name that is equal to no other.
void register_error_category(const std::error_category& category);

namespace detail {

/// How an exception of type T is made again in another process. Made for those of the standard library and Plait in
/// remote_error.cpp; by a Codec if there is one; otherwise from its text.
template <class T>
struct ExceptionCodec {
  static constexpr bool by_text = std::is_constructible_v<T, const std::string&>;
  static void write(Encoder& out, const T& error) {
    if constexpr (Portable<T>) write_as<T>(out, error);
  }
  static T read([[maybe_unused]] Decoder& in, [[maybe_unused]] const std::string& what) {
    if constexpr (Portable<T>) {
      return read_as<T>(in);
    } else if constexpr (by_text) {
      return T(what);
    } else {
      return T();
    }
  }
};

/// Whether T makes its text from what it holds, so that the original's is not kept.
template <class T>
inline constexpr bool makes_its_text = std::is_same_v<T, ExceptionGroup>;

/// An exception that came from another process: its own type, and the story.
template <class T>
class Remote : public T, public RemoteInfo {
 public:
  Remote(T&& error, Story&& story) : T(std::move(error)), RemoteInfo(std::move(story)) {}
};
template <std::derived_from<std::exception> T>
class Remote<T> : public T, public RemoteInfo {
 public:
  Remote(T&& error, Story&& story) : T(std::move(error)), RemoteInfo(std::move(story)) {}
  const char* what() const noexcept override { return makes_its_text<T> ? T::what() : story().what.c_str(); }
};
/// The same with what it was thrown with (std::throw_with_nested).
template <class T>
class RemoteNested final : public Remote<T>, public std::nested_exception {
 public:
  using Remote<T>::Remote;
};

/// A type of exceptions that is registered. The other process knows it by its place in the module.
struct ExceptionType {
  static constexpr Magic kMagic = {{0x7470656378657470, 0x2c9b4e6f71a5d803}};

  Magic magic;
  const std::type_info* type;
  /// The T that the exception is; null if it is none.
  const void* (*find)(const std::exception_ptr& error, const std::exception* standard);
  void (*write)(Encoder& out, const void* error);
  std::exception_ptr (*make)(Decoder& in, RemoteInfo::Story&& story, const std::exception_ptr& nested);
};

template <class T>
struct ExceptionTypeOf {
  static const void* find(const std::exception_ptr& error, const std::exception* standard) {
    if constexpr (std::derived_from<T, std::exception>) {
      return standard != nullptr ? dynamic_cast<const T*>(standard) : nullptr;
    } else {
      try {
        std::rethrow_exception(error);
      } catch (const T& found) {
        return &found;
      } catch (...) {
        return nullptr;
      }
    }
  }
  static void write(Encoder& out, const void* error) { ExceptionCodec<T>::write(out, *static_cast<const T*>(error)); }
  static std::exception_ptr make(Decoder& in, RemoteInfo::Story&& story, const std::exception_ptr& nested) {
    T error = ExceptionCodec<T>::read(in, story.what);
    if constexpr (!std::is_class_v<T> || std::is_final_v<T>) {
      return std::make_exception_ptr(std::move(error));
    } else {
      if (nested == nullptr) return std::make_exception_ptr(Remote<T>(std::move(error), std::move(story)));
      try {
        std::rethrow_exception(nested);
      } catch (...) {
        // In here, as the nested one is what is being handled.
        return std::make_exception_ptr(RemoteNested<T>(std::move(error), std::move(story)));
      }
    }
  }
  static constinit const ExceptionType type;
};
template <class T>
constinit const ExceptionType ExceptionTypeOf<T>::type = {ExceptionType::kMagic, &typeid(T), &ExceptionTypeOf::find,
                                                          &ExceptionTypeOf::write, &ExceptionTypeOf::make};

/// True, so that it can initialise something.
bool register_exception_type(const ExceptionType& type);

/// Writes an exception with its story: of this process and `call`, unless it came from another one itself. Never fails
/// for the exception's sake: what can't be written arrives as a base, or as its text. Throws std::bad_alloc.
void write_error(Encoder& out, const std::exception_ptr& error, std::string_view call,
                 std::span<const void* const> frames = {});
/// Never null. Throws DecodeError.
std::exception_ptr read_error(Decoder& in);

/// How stories name this process.
void name_this_process(std::string name);

}  // namespace detail

/// Makes exceptions of type T keep their type between processes. T has a Codec (or `encode` and `decode`), or can be
/// made from a string, which is its text, or from nothing. Exceptions that are not registered arrive as the nearest
/// base that is, with the name of their type in RemoteInfo. To be called in both processes, before the first is thrown,
/// most easily by PLAIT_EXCEPTION.
template <class T>
bool register_exception() {
  static_assert(
      Portable<T> || std::is_constructible_v<T, const std::string&> || std::is_default_constructible_v<T>,
      "an exception crosses by its plait::Codec, by `encode` and `decode`, or by a constructor that takes its "
      "text as a std::string: give it one of them");
  return detail::register_exception_type(detail::ExceptionTypeOf<T>::type);
}

}  // namespace plait

#define PLAIT_DETAIL_JOIN(a, b) a##b
#define PLAIT_DETAIL_NAME(line) PLAIT_DETAIL_JOIN(plait_exception_, line)
/// `PLAIT_EXCEPTION(app::ParseError);` at namespace scope: register_exception<app::ParseError>() before main.
#define PLAIT_EXCEPTION(...) \
  [[maybe_unused]] static const bool PLAIT_DETAIL_NAME(__LINE__) = ::plait::register_exception<__VA_ARGS__>()
