// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "plait/core/task.hpp"
#include "plait/io/file.hpp"

namespace plait {

/// Where a temporary file or directory is made, and what it is called. Trivially destructible; copied by the call.
struct TemporaryOptions {
  /// "": where the environment's TMPDIR says, else in /tmp.
  std::string_view directory = {};
  /// What the name begins and ends with; between them are twelve letters by chance.
  std::string_view prefix = "plait-";
  std::string_view suffix = {};  ///< ".txt", for instance
};

/// A file without a name, open to read and write, which is gone when it is closed, however the program ends (tempfile's
/// TemporaryFile): by O_TMPFILE, or, where the file system has no such thing, under a name that is taken away at once.
/// For this user only (0600). Throws std::system_error with the directory. On cancel: there is none.
[[nodiscard]] Task<File> temporary_file(TemporaryOptions options = {},
                                        std::source_location at = std::source_location::current());

/// A name in the file system that goes away with this object. Move-only.
class TemporaryPath {
 public:
  /// It, absolute if the directory was; "" when it has been removed, kept or moved from.
  const std::string& path() const noexcept { return path_; }
  /// Lets it stay: its path.
  std::string keep() noexcept { return std::exchange(path_, {}); }

  TemporaryPath(TemporaryPath&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryPath& operator=(TemporaryPath&& other) noexcept {
    TemporaryPath(std::move(other)).path_.swap(path_);
    return *this;
  }

 protected:
  explicit TemporaryPath(std::string path) noexcept : path_(std::move(path)) {}
  /// Removes what is there. Blocks.
  ~TemporaryPath();

  std::string path_;
};

/// A file with a name, which is removed with this object (tempfile's NamedTemporaryFile), if it is there still. Made by
/// `named_temporary_file`. Move-only.
class NamedTemporaryFile : public TemporaryPath {
 public:
  /// Open to read and write. May be closed before.
  File file;

  NamedTemporaryFile(NamedTemporaryFile&&) noexcept = default;
  NamedTemporaryFile& operator=(NamedTemporaryFile&&) noexcept = default;
  /// For the library.
  NamedTemporaryFile(std::string path, File file) noexcept : TemporaryPath(std::move(path)), file(std::move(file)) {}
};

/// Makes a file with a name of its own, for this user only (0600). Throws std::system_error with the path. On cancel:
/// there is none.
[[nodiscard]] Task<NamedTemporaryFile> named_temporary_file(TemporaryOptions options = {},
                                                            std::source_location at = std::source_location::current());

/// A directory that is removed with this object, with all that it holds (tempfile's TemporaryDirectory). Links in it
/// are removed and not followed. The destructor blocks, and does not say what it could not remove; on a loop `co_await
/// remove()` first. Made by `temporary_directory`. Move-only.
class TemporaryDirectory : public TemporaryPath {
 public:
  /// Removes it now, in a thread of `to_thread`'s pool. Throws std::system_error with the path of what could not be
  /// removed; the rest may be there still, and the destructor tries again. On cancel: not begun, or waited for.
  [[nodiscard]] Task<> remove(std::source_location at = std::source_location::current());

  TemporaryDirectory(TemporaryDirectory&&) noexcept = default;
  TemporaryDirectory& operator=(TemporaryDirectory&&) noexcept = default;
  /// For the library.
  explicit TemporaryDirectory(std::string path) noexcept : TemporaryPath(std::move(path)) {}
};

/// Makes a directory with a name of its own, for this user only (0700). Throws std::system_error with the path. On
/// cancel: there is none.
[[nodiscard]] Task<TemporaryDirectory> temporary_directory(TemporaryOptions options = {},
                                                           std::source_location at = std::source_location::current());

}  // namespace plait
