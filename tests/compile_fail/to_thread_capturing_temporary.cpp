// expect: name it first
// compiler: GNU
// SPDX-License-Identifier: BSL-1.0
#include <memory>

#include "plait/thread/to_thread.hpp"

plait::Task<int> f(std::shared_ptr<int> p) {
  co_return co_await plait::to_thread([p] { return *p; });
}
