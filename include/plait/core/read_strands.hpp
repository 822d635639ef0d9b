// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <vector>

#include "plait/core/strand_info.hpp"

namespace plait {
namespace os {
enum class MemoryAccess : std::uint8_t;
}

/// The strands of another process of the same user, ordered by id. That process spends nothing on it and need not
/// answer: it may hang, or be stopped. Empty for a process without strands, or without Plait. Its memory is not
/// trusted: sizes are checked, walks are bounded, and a record that keeps changing is left out. A line that can't be
/// had is left empty. Throws std::system_error if there is no such process, or if it may not be looked into.
[[nodiscard]] std::vector<StrandInfo> read_strands(int process);

namespace detail {

/// The same with a choice of how lines are looked up.
std::vector<StrandInfo> read_strands(int process, os::MemoryAccess access);

}  // namespace detail
}  // namespace plait
