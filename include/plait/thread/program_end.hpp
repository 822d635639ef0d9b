// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace plait::detail {

/// What floors above this one do when the program ends.
enum class EndOfProgram : std::uint8_t {
  close_pools,  ///< before threads are awaited: what runs on threads is told to come to its end
  last_wait,    ///< after that, before any static dies
};

/// Has `f` called then. One function for each; again with the same one does nothing. From any thread.
void at_program_end(EndOfProgram when, void (*f)() noexcept) noexcept;

}  // namespace plait::detail
