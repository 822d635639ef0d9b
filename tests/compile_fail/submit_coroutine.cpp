// expect: ThreadPool::submit() calls a plain function
// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>

plait::Task<int> f() { co_return 1; }

int main() {
  plait::ThreadPool pool(1);
  return pool.submit(&f).done();
}
