// SPDX-License-Identifier: BSL-1.0
#pragma once

// TLS, for programs that link plait::tls (pkg-config: plait-tls).
#include "plait/plait.hpp"
#include "plait/tls/tls_context.hpp"
#include "plait/tls/tls_error.hpp"
#include "plait/tls/tls_handler.hpp"
#include "plait/tls/tls_stream.hpp"
