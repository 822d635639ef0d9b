// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <utility>

#include "plait/core/async_generator.hpp"
#include "plait/os/inotify.hpp"

namespace plait {

/// What may happen to a file, and to the names in a directory (inotify(7)). A set of them: `created | deleted`.
enum class PathEvents : std::uint32_t {
  accessed = os::kInAccess,            ///< read
  modified = os::kInModify,            ///< written, or truncated
  attributes = os::kInAttrib,          ///< permissions, times, links, owner
  closed_written = os::kInCloseWrite,  ///< closed by one who might have written
  closed_read = os::kInCloseNoWrite,   ///< closed by another
  opened = os::kInOpen,                ///< opened
  moved_from = os::kInMovedFrom,       ///< a name went away by a rename
  moved_to = os::kInMovedTo,           ///< a name came by a rename
  created = os::kInCreate,             ///< a name came otherwise
  deleted = os::kInDelete,             ///< a name went away otherwise
  deleted_itself = os::kInDeleteSelf,  ///< what is watched is gone
  moved_itself = os::kInMoveSelf,      ///< what is watched has another name
  /// What changes something; the default.
  changes = modified | attributes | closed_written | moved_from | moved_to | created | deleted | deleted_itself |
            moved_itself,
  all = changes | accessed | closed_read | opened,
  // Only told, never asked for:
  unmounted = os::kInUnmount,  ///< its file system is gone
  overflow = os::kInOverflow,  ///< events were lost, as nobody read them; look at everything again
  directory = os::kInIsDir,    ///< added to others: it is about a directory
};
constexpr PathEvents operator|(PathEvents a, PathEvents b) noexcept {
  return static_cast<PathEvents>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr PathEvents operator&(PathEvents a, PathEvents b) noexcept {
  return static_cast<PathEvents>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
/// Whether `events` has any of `which`.
constexpr bool has(PathEvents events, PathEvents which) noexcept {
  return static_cast<std::uint32_t>(events & which) != 0;
}

/// Something happened.
struct PathEvent {
  PathEvent(std::string path, PathEvents what, std::uint32_t cookie)
      : path(std::move(path)), what(what), cookie(cookie) {}

  /// The watched path, or "/" and a name in it.
  std::string path;
  PathEvents what;
  /// The same for the moved_from and the moved_to of one rename; else 0.
  std::uint32_t cookie;
};

/// Watches a file, or a directory with the names in it but not what is below those, and gives what happens, in order
/// and without end; it ends when what is watched is gone, after `deleted_itself`. It watches from this call on, which
/// looks the path up on the calling thread; two of the same that come together may be given as one. Throws
/// std::system_error with the path, here. On cancel: ends by Cancelled, and watches no more.
///
///     auto events = watch_path("/etc");
///     while (auto event = co_await events.next()) use(event->path);
[[nodiscard]] AsyncGenerator<PathEvent> watch_path(std::string path, PathEvents events = PathEvents::changes,
                                                   std::source_location at = std::source_location::current());

}  // namespace plait
