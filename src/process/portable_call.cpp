// SPDX-License-Identifier: BSL-1.0
#include "plait/process/portable_call.hpp"

#include <cxxabi.h>

#include "plait/os/throw_place.hpp"

// A message is the place of its CallType, and then what that type's `run` reads: function and arguments. The outcome is
// a byte that says value or error, and one of these.

namespace plait::detail {
namespace {

enum class Outcome : std::uint8_t { value, error };

}  // namespace

std::pair<const CallType*, const os::Module*> read_call_type(Decoder& in) {
  const FoundConstant found = read_constant(in, sizeof(CallType), CallType::kMagic);
  return {static_cast<const CallType*>(found.address), found.home};
}

void run_call(Decoder& in, Encoder& out) {
  const std::span<const std::byte> call = in.rest();
  const std::size_t size = out.size(), descriptors = out.descriptors().size();
  try {
    const auto [type, home] = read_call_type(in);
    type->run(in, *home, out);
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const os::ThrowPlace&) {
    __builtin_unreachable();
  } catch (...) {
    out.cut(size, descriptors);
    encode_failure(out, std::current_exception(), call_name(call), os::thrown_from());
  }
}

void encode_failure(Encoder& out, const std::exception_ptr& error, std::string_view call,
                    std::span<const void* const> frames) {
  out.raw(Outcome::error);
  write_error(out, error, call, frames);
}

std::string_view name_in(std::string_view pretty) noexcept {
  // g++ adds what std::string_view is: `[with T = int; std::string_view = ...]`.
  const std::size_t at = pretty.find("T = ");
  if (at == std::string_view::npos) return pretty;
  pretty.remove_prefix(at + 4);
  const std::size_t end = pretty.find("; std::string_view = ");
  return end != std::string_view::npos ? pretty.substr(0, end) : pretty.substr(0, pretty.size() - 1);
}

std::string name_of_function(const void* function, std::string_view type) {
  std::string name = os::function_name(function);
  if (!name.empty()) return name;
  const os::Module& home = *place_of(function).home;
  return "a function (" + std::string(type) + ") at offset " +
         std::to_string(reinterpret_cast<std::uintptr_t>(function) - home.base()) + " of " + home.path();
}

std::string call_name(std::span<const std::byte> call) noexcept {
  try {
    Decoder in(call);
    const auto [type, home] = read_call_type(in);
    return type->name(in, *home);
  } catch (...) {
    return "an unknown call";
  }
}

void check_captures(const void* object, std::size_t size) {
  // A pointer is aligned; where the object begins is not what counts, as a whole number of words does.
  std::vector<std::uintptr_t> words(size / sizeof(std::uintptr_t));
  if (words.empty()) return;
  std::memcpy(words.data(), object, words.size() * sizeof(std::uintptr_t));
  const std::size_t found = os::first_address(words.data(), words.size());
  if (found == words.size()) return;
  misuse("by_value: byte " + std::to_string(found * sizeof(std::uintptr_t)) +
         " of the lambda holds the address of something in this process (a pointer, or a capture by reference), which "
         "points nowhere in another one: capture the value itself, or pass it as an argument");
}

}  // namespace plait::detail
