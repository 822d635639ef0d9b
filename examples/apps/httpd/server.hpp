// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "settings.hpp"

namespace httpd {

/// Serves until a signal ends it, and gives the program's exit code. Throws what keeps it from serving.
int run_server(const Settings& settings);

}  // namespace httpd
