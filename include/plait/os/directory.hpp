// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plait/os/fd.hpp"
#include "plait/os/file_identity.hpp"

namespace plait::os {

/// What a name in a directory stands for.
enum class FileType : std::uint8_t { file, directory, link, fifo, socket, character_device, block_device, unknown };

/// A name, and what it stands for.
struct NameInDirectory {
  std::string name;  ///< without the directory
  FileType type;     ///< of the name itself, also if it is a link
};

/// A directory that is being read. Its calls block, and give an errno, or 0.
class Directory {
 public:
  /// In place of the one before.
  int open(const std::string& path) noexcept;
  bool is_open() const noexcept { return fd_.valid(); }
  /// Idempotent.
  void close() noexcept { fd_.reset(); }
  /// Adds the next names, without "." and "..", at most some thousands; `end` is set when there are no more.
  int read(std::vector<NameInDirectory>& into, bool& end);
  /// Which one it is.
  int identity(FileIdentity& which) const noexcept;

 private:
  Fd fd_;
};

/// What `path` is; `follow`: what the link leads to. An errno, or 0.
int look_at(const std::string& path, bool follow, FileType& type, FileIdentity& which) noexcept;

// 0, or minus an errno. They block.

/// mkdir(2).
int make_directory(const std::string& path, unsigned permissions) noexcept;
/// rename(2); renameat2(2) with RENAME_NOREPLACE unless `replace`.
int rename_file(const std::string& from, const std::string& to, bool replace) noexcept;
/// unlink(2).
int remove_file(const std::string& path) noexcept;
/// rmdir(2).
int remove_directory(const std::string& path) noexcept;

}  // namespace plait::os
