// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <compare>
#include <cstdint>

namespace plait::os {

/// Which file it is, whatever descriptor or path it came by; as stat(2) has it.
struct FileIdentity {
  std::uint64_t device = 0;  ///< st_dev
  std::uint64_t inode = 0;   ///< st_ino
  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};

}  // namespace plait::os
