// expect: the inner Generator must have the same Yield and Send
#include <plait/generator.hpp>

plait::Generator<int> ints() { co_yield 1; }
plait::Generator<long> longs() { co_yield plait::elements_of(ints()); }
