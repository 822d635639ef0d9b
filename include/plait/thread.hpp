// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/core/exceptions.hpp"
#include "plait/core/future.hpp"
#include "plait/sched/run.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sync/lock.hpp"
#include "plait/thread/exception_hook.hpp"
#include "plait/thread/local.hpp"
#include "plait/thread/spawn_thread.hpp"
#include "plait/thread/std_future.hpp"
#include "plait/thread/thread.hpp"
#include "plait/thread/thread_view.hpp"
#include "plait/thread/timer.hpp"
#include "plait/thread/to_thread.hpp"
