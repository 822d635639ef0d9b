// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "plait/testing/faulty_stream.hpp"
#include "plait/testing/virtual_time.hpp"
