// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <string>

#include "settings.hpp"

namespace httpd {

/// Reads the command line. Nothing: the program ends, with `exit_code`, and has said why.
std::optional<Settings> read_command_line(int argc, const char* const* argv, int& exit_code);

/// "/prefix=http://host:port/base". Throws std::invalid_argument.
Route read_route(const std::string& text);

}  // namespace httpd
