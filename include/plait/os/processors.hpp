// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

namespace plait::os {

/// Processors worth a thread each, at least 1: those of the affinity mask (sched_getaffinity(2)), or fewer where the
/// process' cgroup, or one around it, has a limit of processor time (cpu.max of cgroups(7) v2, cpu.cfs_quota_us of v1),
/// rounded up.
int usable_processors() noexcept;

/// What a limit allows: `quota` and `period` as in cpu.max, "max 100000" or "150000 100000". 0: no limit, or not
/// understood.
int processors_of_limit(std::string_view text) noexcept;

}  // namespace plait::os
