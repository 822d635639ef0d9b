// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plait/os/fd.hpp"

namespace plait::os {

/// The numbers of inotify(7), under their names.
inline constexpr std::uint32_t kInAccess = 0x1, kInModify = 0x2, kInAttrib = 0x4, kInCloseWrite = 0x8,
                               kInCloseNoWrite = 0x10, kInOpen = 0x20, kInMovedFrom = 0x40, kInMovedTo = 0x80,
                               kInCreate = 0x100, kInDelete = 0x200, kInDeleteSelf = 0x400, kInMoveSelf = 0x800,
                               kInUnmount = 0x2000, kInOverflow = 0x4000, kInIgnored = 0x8000, kInIsDir = 0x40000000;

/// What inotify(7) tells.
struct InotifyEvent {
  std::uint32_t mask;    ///< what happened
  std::uint32_t cookie;  ///< what the two events of a rename have in common
  std::string name;      ///< in the directory that is watched; "" if it is about that itself
};

/// A non-blocking, close-on-exec descriptor that watches `path` for what `mask` says. An errno, or 0.
int watch(const std::string& path, std::uint32_t mask, Fd& into) noexcept;
/// The longest event in bytes: a read with less room may fail.
inline constexpr std::size_t kMostOfInotifyEvent = 16 + 256;
/// The events in what a read gave.
std::vector<InotifyEvent> parse_inotify(std::span<const char> bytes);

}  // namespace plait::os
