// SPDX-License-Identifier: BSL-1.0
#include "process/standard_errors.hpp"

#include <algorithm>
#include <any>
#include <array>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <typeinfo>
#include <variant>

#include "plait/core/stop_iteration.hpp"
#include "plait/process/code_place.hpp"
#include "plait/process/worker_died.hpp"
#include "plait/sync/barrier.hpp"
#include "plait/sync/broadcast.hpp"
#include "plait/sync/queue_waits.hpp"

// Most exceptions of the standard library are made from their text. Those with a code cross with it, the code by the
// name of its category; their constructors add the code's message to the text, so that is taken off before. What the
// receiver throws says the original text anyway: this is for copies that are cut down to the class itself.

namespace plait {
namespace {

/// The codes of a category that is not known here: the value and the text that it had there.
class RemoteCategory final : public std::error_category {
 public:
  explicit RemoteCategory(std::string name) : name_(std::move(name)) {}
  const char* name() const noexcept override { return name_.c_str(); }
  std::string message(int value) const override {
    const std::lock_guard guard(lock_);
    const auto found = messages_.find(value);
    return found != messages_.end() ? found->second : "error " + std::to_string(value);
  }
  void learn(int value, std::string message) const {
    const std::lock_guard guard(lock_);
    messages_[value] = std::move(message);
  }

 private:
  std::string name_;
  mutable std::mutex lock_;
  mutable std::map<int, std::string> messages_;
};

struct Categories {
  std::mutex lock;
  std::map<std::string, const std::error_category*> known;
  std::map<std::string, const RemoteCategory*> remote;
};
Categories& categories() {
  static auto* const all = [] {
    auto* const made = new Categories();
    for (const std::error_category* each :
         {&std::generic_category(), &std::system_category(), &std::iostream_category(), &std::future_category()}) {
      made->known.emplace(each->name(), each);
    }
    return made;
  }();
  return *all;
}

void write_code(Encoder& out, const std::error_code& code) {
  out.write(code.value());
  out.write(std::string(code.category().name()));
  out.write(code.message());
}
std::error_code read_code(Decoder& in) {
  const int value = in.read<int>();
  auto name = in.read<std::string>();
  auto message = in.read<std::string>();
  Categories& all = categories();
  const std::lock_guard guard(all.lock);
  if (const auto found = all.known.find(name); found != all.known.end()) return {value, *found->second};
  const RemoteCategory*& remote = all.remote[name];
  if (remote == nullptr) remote = new RemoteCategory(std::move(name));
  remote->learn(value, std::move(message));
  return {value, *remote};
}

/// The text without what the constructor adds: `: message` at its end.
std::string without_message(std::string_view what, const std::error_code& code) {
  const std::string message = code.message();
  if (what.ends_with(message)) what.remove_suffix(message.size());
  if (what.ends_with(": ")) what.remove_suffix(2);
  return std::string(what);
}

}  // namespace

void register_error_category(const std::error_category& category) {
  const std::lock_guard guard(categories().lock);
  categories().known[category.name()] = &category;
}

namespace detail {

template <class T>
concept MadeFromCode = std::same_as<T, std::system_error> || std::same_as<T, std::ios_base::failure>;
template <MadeFromCode T>
struct ExceptionCodec<T> {
  static void write(Encoder& out, const T& error) { write_code(out, error.code()); }
  static T read(Decoder& in, const std::string& what) {
    const std::error_code code = read_code(in);
    const std::string text = without_message(what, code);
    if constexpr (std::same_as<T, std::system_error>) {
      return text.empty() ? T(code) : T(code, text);
    } else {
      return T(text, code);
    }
  }
};

template <>
struct ExceptionCodec<std::filesystem::filesystem_error> {
  using Error = std::filesystem::filesystem_error;
  static void write(Encoder& out, const Error& error) {
    write_code(out, error.code());
    out.write(error.path1());
    out.write(error.path2());
  }
  static Error read(Decoder& in, const std::string& what) {
    const std::error_code code = read_code(in);
    const auto path1 = in.read<std::filesystem::path>();
    const auto path2 = in.read<std::filesystem::path>();
    std::string_view text = what;
    if (constexpr std::string_view prefix = "filesystem error: "; text.starts_with(prefix)) {
      text.remove_prefix(prefix.size());
    }
    text = text.substr(0, text.find(": " + code.message()));
    return {std::string(text), path1, path2, code};
  }
};

template <>
struct ExceptionCodec<std::future_error> {
  static void write(Encoder& out, const std::future_error& error) { out.write(error.code().value()); }
  static std::future_error read(Decoder& in, const std::string&) {
    return std::future_error(static_cast<std::future_errc>(in.read<int>()));
  }
};

template <>
struct ExceptionCodec<std::regex_error> {
  static void write(Encoder& out, const std::regex_error& error) { out.write(error.code()); }
  static std::regex_error read(Decoder& in, const std::string&) {
    return std::regex_error(in.read<std::regex_constants::error_type>());
  }
};

template <>
struct ExceptionCodec<ExceptionGroup> {
  static void write(Encoder& out, const ExceptionGroup& group) {
    out.write(group.message());
    out.write(std::uint64_t{group.size()});
    for (const std::exception_ptr& error : group) write_error(out, error, {});
  }
  static ExceptionGroup read(Decoder& in, const std::string&) {
    auto message = in.read<std::string>();
    std::vector<std::exception_ptr> errors;
    const std::size_t n = in.count();
    if (n == 0) Decoder::refuse("an ExceptionGroup in it is empty");
    errors.reserve(n);
    for (std::size_t i = 0; i < n; ++i) errors.push_back(read_error(in));
    return {std::move(message), std::move(errors)};
  }
};

template <>
struct ExceptionCodec<WorkerDied> {
  static void write(Encoder& out, const WorkerDied& error) {
    out.write(error.pid());
    out.write(error.exitcode());
    out.write(error.call());
  }
  static WorkerDied read(Decoder& in, const std::string&) {
    const int pid = in.read<int>(), exitcode = in.read<int>();
    return {pid, exitcode, in.read<std::string>()};
  }
};

template <>
struct ExceptionCodec<BroadcastLagged> {
  static void write(Encoder& out, const BroadcastLagged& error) { out.write(error.missed()); }
  static BroadcastLagged read(Decoder& in, const std::string&) { return BroadcastLagged(in.read<std::uint64_t>()); }
};

namespace {

template <class... T>
constexpr std::array<const ExceptionType*, sizeof...(T)> types_of() {
  return {&ExceptionTypeOf<T>::type...};
}

/// Those that are made from nothing but a text.
constexpr auto kPlain =
    types_of<std::exception, std::logic_error, std::invalid_argument, std::domain_error, std::length_error,
             std::out_of_range, std::runtime_error, std::range_error, std::overflow_error, std::underflow_error,
             std::bad_alloc, std::bad_array_new_length, std::bad_cast, std::bad_any_cast, std::bad_typeid,
             std::bad_exception, std::bad_function_call, std::bad_weak_ptr, std::bad_optional_access,
             std::bad_variant_access>();
constexpr auto kOthers = types_of<std::system_error, std::ios_base::failure, std::filesystem::filesystem_error,
                                  std::future_error, std::regex_error, Cancelled, KeyboardInterrupt, TimeoutError,
                                  ExceptionGroup, StopIteration, BrokenBarrierError, QueueShutDown, BroadcastLagged,
                                  DecodeError, UnknownCall, BrokenProcessPool, WorkerDied>();

constexpr std::size_t kRuntimeError = 6;

}  // namespace

std::span<const ExceptionType* const> known_exception_types() {
  static constexpr auto all = [] {
    std::array<const ExceptionType*, kPlain.size() + kOthers.size()> types{};
    std::ranges::copy(kOthers, std::ranges::copy(kPlain, types.begin()).out);
    return types;
  }();
  return all;
}

unsigned char standard_number(const std::type_info& type) noexcept {
  const auto found = std::ranges::find_if(kPlain, [&](const ExceptionType* each) { return *each->type == type; });
  return found != kPlain.end() ? static_cast<unsigned char>(found - kPlain.begin()) : kNoStandardType;
}

std::exception_ptr make_standard(unsigned char number, RemoteInfo::Story&& story, const std::exception_ptr& nested) {
  if (number >= kPlain.size()) {
    number = kRuntimeError;
    story.what = story.type + (story.what.empty() ? ", which is no std::exception" : ": " + story.what);
  }
  Decoder nothing({});
  return kPlain[number]->make(nothing, std::move(story), nested);
}

}  // namespace detail
}  // namespace plait
