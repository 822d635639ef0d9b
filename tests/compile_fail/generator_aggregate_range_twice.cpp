// expect: destroys an aggregate made in a co_yield expression twice
// compiler: GNU
#include <array>
#include <plait/generator.hpp>
#include <string>
#include <utility>

plait::Generator<std::string> words(std::array<std::string, 2> both) { co_yield plait::elements_of(std::move(both)); }
