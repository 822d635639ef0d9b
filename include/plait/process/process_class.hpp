// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/process/process.hpp"

namespace plait {
namespace detail {

/// What crosses of an object whose class is derived from ProcessClass, and what is called there.
template <class Derived>
struct ProcessBody {
  Derived* original = nullptr;
  std::unique_ptr<Derived> copy;

  void operator()() { copy->run(); }
};

template <class T>
concept HasMembers = requires(T& object) { std::tuple_size<decltype(object.members())>::value; };

template <class Derived>
struct CallPart<ProcessBody<Derived>> {
  using Passed = ProcessBody<Derived>;
  using Tied = decltype(std::declval<Derived&>().members());

  template <std::size_t... I>
  static constexpr void require_each(std::index_sequence<I...>) {
    (require_portable<std::remove_cvref_t<std::tuple_element_t<I, Tied>>>(), ...);
  }
  static constexpr void require() { require_each(std::make_index_sequence<std::tuple_size_v<Tied>>()); }
  static void write(Encoder& out, const ProcessBody<Derived>& body, const os::Module&) {
    std::apply([&](const auto&... member) { (write_as<std::remove_cvref_t<decltype(member)>>(out, member), ...); },
               body.original->members());
  }
  static ProcessBody<Derived> read(Decoder& in, const os::Module&) {
    auto copy = std::make_unique<Derived>();
    copy->become_body();
    std::apply([&](auto&... member) { ((member = read_as<std::remove_cvref_t<decltype(member)>>(in)), ...); },
               copy->members());
    return {nullptr, std::move(copy)};
  }
  static std::string name(const ProcessBody<Derived>&) { return std::string(type_name<Derived>()) + "::run()"; }
};

}  // namespace detail

/// Base of a class whose objects are processes (a subclass of multiprocessing.Process):
///
///     class Count : public plait::ProcessClass<Count> {
///      public:
///       Count() = default;
///       explicit Count(int to) : to_(to) {}
///       void run() { for (int i = 1; i <= to_; ++i) std::printf("%d\n", i); }
///       auto members() { return std::tie(to_); }
///
///      private:
///       int to_ = 0;
///     };
///
/// `start` sends what `members` names, as it is then, to the process, where an object is made anew, by the default
/// constructor, gets them and `run`s. What `run` changes stays there: share by `plait::shared` or a member that is one.
/// There `name()` and `daemon()` are those of the process, and it can't be started. `run` and `members` are public, and
/// what is not to cross is left out of `members`. What can't cross is refused by the compiler.
template <class Derived>
class ProcessClass : public Process {
 public:
  /// As Process::start. Throws what the encoding of a member throws, too; then nothing was started.
  void start() override {
    static_assert(
        std::is_default_constructible_v<Derived> && requires(Derived& object) { object.run(); },
        "a subclass of ProcessClass needs a public default constructor and a public `void run()`");
    static_assert(detail::HasMembers<Derived>,
                  "a subclass of ProcessClass needs a public `auto members() { return std::tie(…); }`, which names the "
                  "members that its process gets; std::tie() for none");
    Encoder call;
    detail::encode_call(call, detail::ProcessBody<Derived>{static_cast<Derived*>(this), nullptr});
    start_with(std::move(call));
  }

 protected:
  explicit ProcessClass(const ProcessOptions& options = {})
      : Process(std::make_shared<detail::ProcessState>(options, Encoder())) {}

 private:
  friend struct detail::CallPart<detail::ProcessBody<Derived>>;
};

}  // namespace plait
