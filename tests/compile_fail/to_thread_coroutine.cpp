// expect: to_thread() calls a plain function
// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/to_thread.hpp"

plait::Task<> g();
plait::Task<> f() { co_await plait::to_thread(g); }
