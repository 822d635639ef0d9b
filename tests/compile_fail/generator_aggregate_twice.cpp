// expect: destroys an aggregate made in a co_yield expression twice
// compiler: GNU
#include <plait/generator.hpp>
#include <string>

struct Person {
  std::string name;
  int age;
};
plait::Generator<Person> people() { co_yield Person{"Ada", 36}; }
