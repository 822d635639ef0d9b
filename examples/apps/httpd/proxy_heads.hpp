// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#include "exchange.hpp"
#include "settings.hpp"
#include "target.hpp"

namespace httpd {

/// The head of the request that goes to the other server. What was meant for us alone (hop-by-hop headers, RFC 9110,
/// 7.6.1) is left out, and how the body is framed is said anew, so that nothing of what a client wrote about it counts
/// there.
std::string upstream_head(const Exchange& exchange, const Route& route, const Target& target);

/// The head of the answer that goes to the client. `chunked`: its body is to be framed so.
Answer downstream_head(Exchange& exchange, const Head& response, bool& chunked);

}  // namespace httpd
