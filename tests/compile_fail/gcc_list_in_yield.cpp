// expect: array used as initializer
// compiler: GNU
// The fault of g++-12 that docs/design/compilers.md tells of. When this compiles, the entry can go.
#include <plait/generator.hpp>
#include <vector>

plait::Generator<int> three() { co_yield plait::elements_of(std::vector{1, 2, 3}); }
