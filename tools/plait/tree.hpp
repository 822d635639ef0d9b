// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "names.hpp"

namespace plait::tool {

/// A name that was met and could not be read, with its reason (see reasons.hpp).
struct UnreadName {
  std::string name;
  int reason;
};

/// The files below a directory, in the byte order of their names.
struct Tree {
  NameList files;
  std::uint64_t bytes = 0;  ///< the sum of the sizes at the time of the walk
  std::vector<UnreadName> unread;
};

/// Walks a directory. Links to files are files; links to directories are followed, and no directory is listed twice,
/// so a cycle ends; a file that can be reached by its real path keeps that name. FIFOs, sockets, devices, dangling
/// links and unreadable directories are in `unread`.
/// Throws: std::system_error when `root` itself does not exist or is no directory.
Tree walk(const std::string& root);

}  // namespace plait::tool
