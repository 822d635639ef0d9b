// SPDX-License-Identifier: BSL-1.0
//
// Idea. The C++ runtime looks for a handler before it unwinds anything, and asks the type that a `catch` names, by a
// virtual function of its std::type_info, whether it takes what is thrown (Itanium C++ ABI, Level II, 2.5.2). The type
// information of ThrowPlace is an object of our own: asked, it walks the stack, which is still whole, and declines. So
// exceptions cost nothing more unless they pass such a handler.
//
// The frames are return addresses less one, which lie within the calls. The names that people see are found later, if
// anybody wants them.
#include "plait/os/throw_place.hpp"

#include <unwind.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "plait/os/modules.hpp"

#ifdef PLAIT_HAVE_LIBBACKTRACE
// Its header lies where only GCC looks.
extern "C" {
struct backtrace_state;
backtrace_state* backtrace_create_state(const char* file, int threaded, void (*error)(void*, const char*, int), void*);
int backtrace_pcinfo(backtrace_state*, std::uintptr_t,
                     int (*found)(void*, std::uintptr_t, const char* file, int line, const char* function),
                     void (*error)(void*, const char*, int), void*);
}
#endif

namespace plait::os {
namespace {

struct Frames {
  std::array<const void*, kMostFrames> at;
  std::size_t count;

  static _Unwind_Reason_Code add(_Unwind_Context* context, void* to) {
    auto& frames = *static_cast<Frames*>(to);
    int is_before = 0;
    const std::uintptr_t address = _Unwind_GetIPInfo(context, &is_before) - (is_before ? 0 : 1);
    frames.at[frames.count++] = reinterpret_cast<const void*>(address);  // NOLINT(performance-no-int-to-ptr)
    return frames.count < kMostFrames ? _URC_NO_REASON : _URC_END_OF_STACK;
  }
};
constinit thread_local Frames latest{};

struct Line {
  std::string function, place;
};

#ifdef PLAIT_HAVE_LIBBACKTRACE
void ignore(void*, const char*, int) {}

/// The function at that address and those that are inlined there, innermost first.
std::vector<Line> lines_at(const void* address) {
  static backtrace_state* const state = backtrace_create_state(nullptr, 1, &ignore, nullptr);
  std::vector<Line> lines;
  const auto add = [](void* to, std::uintptr_t, const char* file, int line, const char* function) {
    if (file == nullptr || line == 0) return 0;
    static_cast<std::vector<Line>*>(to)->push_back(
        {function != nullptr ? demangled(function) : "", std::string(file) + ":" + std::to_string(line)});
    return 0;
  };
  if (state != nullptr) backtrace_pcinfo(state, reinterpret_cast<std::uintptr_t>(address), +add, &ignore, &lines);
  // It names functions by their short names; the outermost is the one whose symbol that is.
  if (!lines.empty()) lines.back().function = function_around(address);
  return lines;
}
#endif

std::vector<Line> lines_of(const void* address) {
#ifdef PLAIT_HAVE_LIBBACKTRACE
  if (std::vector<Line> lines = lines_at(address); !lines.empty()) return lines;
#endif
  return {{function_around(address), ""}};
}

bool throws(std::string_view function) noexcept {
  return function == "__cxa_throw" || function == "__cxa_rethrow" || function.starts_with("std::rethrow_exception") ||
         function.starts_with("std::__throw_");
}

}  // namespace

class Witness final : public std::type_info {
 public:
  Witness() noexcept : std::type_info("N5plait2os10ThrowPlaceE") {}
  bool __do_catch(const std::type_info*, void**, unsigned) const override {
    latest.count = 0;
    _Unwind_Backtrace(&Frames::add, &latest);
    return false;
  }
};

/// The type information of ThrowPlace, by the name under which the compiler looks for it. Objects that are made before
/// `main` may throw already.
extern const Witness witness asm("_ZTIN5plait2os10ThrowPlaceE");
__attribute__((init_priority(101))) const Witness witness;

std::span<const void* const> thrown_from() noexcept { return {latest.at.data(), latest.count}; }

std::string describe_frames(std::span<const void* const> frames) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (throws(function_around(frames[i]))) first = i + 1;
  }
  std::string text;
  for (const void* frame : frames.subspan(first)) {
    for (const Line& line : lines_of(frame)) {
      if (line.function.find("plait::detail::") < line.function.find('(')) return text;
      if (line.function.empty() && line.place.empty()) continue;
      if (!text.empty()) text += '\n';
      text += line.function;
      if (!line.place.empty()) text += (line.function.empty() ? "" : " at ") + line.place;
    }
  }
  return text;
}

}  // namespace plait::os
