// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include "exchange.hpp"
#include "settings.hpp"
#include "target.hpp"

namespace httpd {

/// The route with the longest prefix that a path is below; null without one.
const Route* find_route(const std::vector<Route>& routes, std::string_view path) noexcept;

/// Sends a request to another server and passes the answer on. Bodies go both ways as they come, each no faster than
/// its receiver takes it. Throws HttpError: 502 if the other server fails, 504 if it is too slow.
plait::Task<> forward(Exchange& exchange, const Route& route, const Target& target);

}  // namespace httpd
