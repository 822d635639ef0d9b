// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace plait::os {

/// Never thrown. Where `catch (ThrowPlace&)` stands before the other handlers of a try block, `thrown_from` knows from
/// where what they catch was thrown.
class ThrowPlace {
 public:
  virtual ~ThrowPlace();
};

/// The most frames that are noted of one exception.
inline constexpr std::size_t kMostFrames = 32;

/// An address in each function, from the innermost, of what such a handler of this thread let pass latest; overwritten
/// by the next one.
std::span<const void* const> thrown_from() noexcept;

/// What people see of such frames: a line "parse(std::string) at parser.cpp:12" for each function of the program, from
/// the one that threw to the one that Plait called; the line of the source where the build has debug information.
/// Empty if nothing is known. Slow: reads the program's file.
std::string describe_frames(std::span<const void* const> frames);

}  // namespace plait::os
