// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdint>

namespace plait::os {

/// Makes a system call, again after EINTR. Its result, or minus an errno.
template <class Call>
std::int64_t retried(Call call) noexcept {
  while (true) {
    const std::int64_t n = call();
    if (n >= 0) return n;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace plait::os
