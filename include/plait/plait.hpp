// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/core/async_generator.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/future.hpp"
#include "plait/core/promise.hpp"
#include "plait/core/task.hpp"
#include "plait/io/stream.hpp"
#include "plait/io/tcp.hpp"
#include "plait/sched/gather.hpp"
#include "plait/sched/interop.hpp"
#include "plait/sched/run.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sched/spawn.hpp"
#include "plait/sync/lock.hpp"
#include "plait/version.hpp"
