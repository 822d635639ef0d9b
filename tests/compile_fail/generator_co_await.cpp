// expect: use of deleted function
// compiler: GNU
// A body of a Generator has nobody to wait for: co_await is refused.
#include <coroutine>
#include <plait/generator.hpp>

plait::Generator<int> waits() { co_await std::suspend_always{}; }
