// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace plait::os {

// These return minus an errno for an error, and go on after EINTR.

/// read(2), or pread(2) if `offset` is not negative.
std::int64_t read_file(int fd, void* buffer, std::size_t length, std::int64_t offset) noexcept;
/// write(2), or pwrite(2) if `offset` is not negative. Without a guard against SIGPIPE.
std::int64_t write_file(int fd, const void* buffer, std::size_t length, std::int64_t offset) noexcept;

}  // namespace plait::os
