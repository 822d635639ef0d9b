// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#include "plait/io/stream.hpp"

namespace plait::detail {

/// A Stream over the screen's end of a pseudo-terminal, which it makes non-blocking.
Stream terminal_stream(os::Fd screen, std::string name);

}  // namespace plait::detail
