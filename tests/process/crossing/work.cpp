// SPDX-License-Identifier: BSL-1.0
// Is compiled twice, with another UNIT each: the same names, which mean something else in each.
#include "work.hpp"

#include <map>
#include <stdexcept>

namespace {

int add_unit(int x) { return x + UNIT; }
std::string describe_unit(std::map<std::string, std::vector<int>> map) {
  return std::to_string(map.at("a").size() + UNIT);
}
struct Lookup {
  std::vector<int> table;
  int operator()(std::size_t i) const { return table.at(i) + UNIT; }
};
struct Counter {
  int n;
  int plus(int k) const { return n + k + UNIT; }
};
template <int N>
int templated(int x) {
  return x * N + UNIT;
}
int apply(int (*f)(int), int x) { return f(x); }
int explode(int x) { throw std::out_of_range("unit " + std::to_string(UNIT) + std::to_string(x)); }
auto lambda_in_function() {
  return [](int x) { return x * 10 + UNIT; };
}

template <class R, class F, class... Args>
Case make(const char* name, R expected, F f, Args... args) {
  plait::Encoder out;
  plait::detail::encode_call(out, std::move(f), std::move(args)...);
  return {name, {out.bytes().begin(), out.bytes().end()}, [expected](plait::Decoder& in) {
            return plait::detail::decode_result<R>(in) == expected;
          }};
}

}  // namespace

#define JOIN(a, b) a##b
#define NAME(unit) JOIN(plait_cases_, unit)
extern "C" std::vector<Case> NAME(UNIT)() {
  int captured = 100;
  std::vector<Case> cases;
  cases.push_back(make<int>("function", 5 + UNIT, add_unit, 5));
  cases.push_back(make<int>("pointer", 5 + UNIT, &add_unit, 5));
  cases.push_back(make<std::string>("containers", std::to_string(2 + UNIT), describe_unit,
                                    std::map<std::string, std::vector<int>>{{"a", {1, 2}}}));
  cases.push_back(make<int>("object", 8 + UNIT, Lookup{{7, 8}}, std::size_t{1}));
  cases.push_back(make<int>("member", 7 + UNIT, &Counter::plus, Counter{3}, 4));
  cases.push_back(make<int>("template", 15 + UNIT, templated<3>, 5));
  cases.push_back(make<int>("lambda", 4 + UNIT, [](int x) { return x + UNIT; }, 4));
  cases.push_back(make<int>("another lambda", 4 - UNIT, [](int x) { return x - UNIT; }, 4));
  cases.push_back(make<int>("lambda of a function", 40 + UNIT, lambda_in_function(), 4));
  cases.push_back(make<double>("generic lambda", 4.5 + UNIT, [](auto x) { return x + UNIT; }, 4.5));
  cases.push_back(
      make<int>("by_value", 104 + UNIT, plait::by_value([captured](int x) { return x + captured + UNIT; }), 4));
  cases.push_back(make<int>("function as an argument", 4 + UNIT, apply, add_unit, 4));
  cases.push_back(make<std::size_t>("function of libc", 3, std::strlen, "abc"));
  cases.push_back(make<int>("exception", 0, explode, 7));
  cases.back().is_right = [](plait::Decoder& in) {
    try {
      plait::detail::decode_result<int>(in);
    } catch (const std::out_of_range& e) {
      return e.what() == "unit " + std::to_string(UNIT) + "7" && plait::remote_info(e) != nullptr;
    }
    return false;
  };
  return cases;
}
