// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/os/fd.hpp"
#include "protocol.hpp"

namespace plait::detail {

/// Is a process that was forked by `parent`, with what the order says, until it ends by exit().
[[noreturn]] void be_child(Order order, int parent);
/// The same as an exec of its own, which is sent its Order.
[[noreturn]] void be_child(os::Fd mail, int parent);

/// The same as a copy of a program, whose descriptors, directory and environment it has already.
[[noreturn]] void be_copy(Order order, int parent);

}  // namespace plait::detail
