// expect: insufficient contextual information to determine type
// compiler: GNU
// The fault of g++-12 that docs/design/compilers.md tells of. When this compiles, the entry can go.
#include <plait/generator.hpp>

template <class T>
plait::Generator<T, T> sums(T start) {
  for (T sum = start;;) sum = sum + (co_yield sum);
}
double first() { return plait::next(sums(1.0)); }
