// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <limits>
#include <source_location>
#include <string>
#include <string_view>
#include <system_error>

#include "plait/core/async_generator.hpp"
#include "plait/core/task.hpp"
#include "plait/os/directory.hpp"

namespace plait {

/// What a name in a directory stands for; `unknown` where the file system does not tell.
using FileType = os::FileType;

/// A name that was found in a directory (os.DirEntry).
struct DirectoryEntry {
  DirectoryEntry() = default;
  DirectoryEntry(std::string path, std::size_t name_at, FileType type, int depth, std::error_code error = {})
      : path(std::move(path)), type(type), depth(depth), error(error), name_at_(name_at) {}

  /// The path of the directory as it was given, "/", and the name.
  std::string path;
  /// What it is; of a link, where links are followed, what that leads to.
  FileType type = FileType::unknown;
  /// 0: in the directory that was given; 1: in one of its directories; and so on.
  int depth = 0;
  /// With WalkErrors::report only: the directory at `path` could not be read (to its end).
  std::error_code error;

  /// The last part of the path.
  std::string_view name() const noexcept { return std::string_view(path).substr(name_at_); }

 private:
  std::size_t name_at_ = 0;
};

/// What `walk` does about a directory, below the one it begins with, that it can't read. That one is always an error.
enum class WalkErrors : std::uint8_t {
  raise,   ///< throws std::system_error with the path, and ends
  skip,    ///< goes on without a word (os.walk)
  report,  ///< gives an entry more, with its path and its `error`, and goes on (os.walk's onerror)
};

/// How `walk` goes. Trivially destructible.
struct WalkOptions {
  /// Enters directories behind links, each once, and gives the type of what links lead to. A link into nothing is a
  /// link.
  bool follow_links = false;
  /// Enters no deeper: 0 lists the directory alone.
  int max_depth = std::numeric_limits<int>::max();
  /// About directories that can't be read.
  WalkErrors errors = WalkErrors::raise;
  /// Not null: only directories for whose path it says true are entered. Called in another thread.
  bool (*enter)(const std::string& path) = nullptr;
};

/// All that is in the directory `path` and below it, each directory before what it holds (os.walk, find). Beyond that
/// the order is the file system's. Reads ahead in a thread of `to_thread`'s pool, a few hundred entries at a time; what
/// changes meanwhile may be given or not. Throws std::system_error with the path. On cancel: ends by Cancelled.
///
///     auto entries = walk("/usr/include");
///     while (auto entry = co_await entries.next()) use(entry->path);
[[nodiscard]] AsyncGenerator<DirectoryEntry> walk(std::string path, WalkOptions options = {},
                                                  std::source_location at = std::source_location::current());

/// What is in the directory `path`, in the file system's order (os.scandir). As `walk`, without what is below.
[[nodiscard]] AsyncGenerator<DirectoryEntry> read_directory(std::string path,
                                                            std::source_location at = std::source_location::current());

/// How `make_directory` makes. Trivially destructible.
struct MakeDirectoryOptions {
  /// Makes those above it, too, and does not mind if it is there already (os.makedirs with exist_ok).
  bool parents = false;
  /// The umask takes its part away.
  unsigned permissions = 0777;
};

/// Makes the directory `path`, in a thread of `to_thread`'s pool, as the ones below do what they do. Throws
/// std::system_error with the path. On cancel: not made, or, if a thread was at it already, made and waited for.
[[nodiscard]] Task<> make_directory(std::string path, MakeDirectoryOptions options = {},
                                    std::source_location at = std::source_location::current());
/// Gives the file `from` the name `to`, in place of what has that name (os.replace); with `replace` false that is an
/// error (EEXIST). All at once: others see the old file or the new. Errors name both. On cancel: as `make_directory`.
[[nodiscard]] Task<> rename_file(std::string from, std::string to, bool replace = true,
                                 std::source_location at = std::source_location::current());
/// Takes the name away (os.remove). On cancel: as `make_directory`.
[[nodiscard]] Task<> remove_file(std::string path, std::source_location at = std::source_location::current());
/// Takes an empty directory away (os.rmdir). On cancel: as `make_directory`.
[[nodiscard]] Task<> remove_directory(std::string path, std::source_location at = std::source_location::current());

}  // namespace plait
