// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include "worker.hpp"

namespace httpd {

/// Answers the requests of one connection, one after the other, to its end.
plait::Task<> handle_connection(Worker& worker, plait::Stream stream);

}  // namespace httpd
