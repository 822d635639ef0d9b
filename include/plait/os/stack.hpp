// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace plait::os {

/// The lowest address of the calling thread's stack, or 0 where the system does not say (pthread_getattr_np(3)).
std::uintptr_t stack_end() noexcept;

}  // namespace plait::os
