// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/os/fd.hpp"

namespace plait::detail {

/// Is the server of processes of the program `parent`, which talks to it by `control`, until that ends.
[[noreturn]] void serve(os::Fd control, int parent);

}  // namespace plait::detail
