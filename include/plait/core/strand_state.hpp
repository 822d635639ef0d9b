// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace plait {

/// What a strand does. `free` never reaches a user.
enum class StrandState : std::uint8_t { free, ready, running, waiting, done };

/// What a strand is suspended in, as a word for people. `yield`: it lets others run; `call`: a call in another thread.
enum class WaitKind : std::uint8_t { none, yield, sleep, task, thread, lock, primitive, io, call };

/// What kind of strand it is.
enum class StrandKind : std::uint8_t { task, thread };

}  // namespace plait
