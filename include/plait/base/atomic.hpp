// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>

namespace plait {

/// The atomics of the library, in one place, so that a model checker can take their place in a test build.
template <class T>
using Atomic = std::atomic<T>;

}  // namespace plait
