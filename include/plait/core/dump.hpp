// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <iosfwd>
#include <vector>

#include "plait/core/strand_info.hpp"

namespace plait {

/// The strands of this process at this moment, ordered by id: tasks on all loops, and threads that have used Plait
/// (asyncio.all_tasks and threading.enumerate in one). From any thread, while others run. Throws std::bad_alloc only.
[[nodiscard]] std::vector<StrandInfo> strands();

/// Writes the tree of this process' strands to `out`: who waits, for what, at which line; see `print_strands`
/// (`faulthandler.dump_traceback` for a whole program). From any thread, while others run.
void dump(std::ostream& out);
/// The same to stderr.
void dump();

}  // namespace plait
