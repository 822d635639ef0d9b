// SPDX-License-Identifier: BSL-1.0
#include "plait/process/portable_call.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace plait::detail {
namespace {

int add(int a, int b) { return a + b; }
int negate(int x) { return -x; }
int apply(int (*f)(int), int x) { return f(x); }
void nothing() {}
std::string shout(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  return text;
}
std::size_t length(const char* text) { return std::strlen(text); }
std::unique_ptr<int> increase(std::unique_ptr<int> p) {
  ++*p;
  return p;
}
int explode(int) { throw std::invalid_argument("cannot"); }
long wide(long x) { return x * 2; }
struct Counter {
  int n = 0;
  int plus(int k) const { return n + k; }
  int operator()(int k) { return n += k; }
};
struct Base {
  int n = 0;
  explicit Base(int k) : n(k) {}
  Base(const Base&) = default;
  Base& operator=(const Base&) = default;
  virtual ~Base() = default;
  virtual int virtually(int k) { return n + k; }
  void encode(Encoder& out) const { out.write(n); }
  static Base decode(Decoder& in) { return Base(in.read<int>()); }
};
struct Lookup {
  std::map<std::string, int> table;
  int operator()(const std::string& key) const { return table.at(key); }
};

template <class F, class... Args>
std::vector<std::byte> call(F&& f, Args&&... args) {
  Encoder out;
  encode_call(out, std::forward<F>(f), std::forward<Args>(args)...);
  return {out.bytes().begin(), out.bytes().end()};
}
template <class R>
R result_of(std::span<const std::byte> call) {
  Encoder out;
  Decoder in(call);
  run_call(in, out);
  Decoder result(out.bytes(), out.descriptors());
  return decode_result<R>(result);
}
/// Makes the call as another process would.
template <class F, class... Args>
CallResult<F, Args...> there(F&& f, Args&&... args) {
  return result_of<CallResult<F, Args...>>(call(std::forward<F>(f), std::forward<Args>(args)...));
}

TEST(PortableCallTest, FunctionsAreCalled) {
  EXPECT_EQ(there(add, 1, 2), 3);
  EXPECT_EQ(there(&add, 1, 2), 3);
  EXPECT_EQ(there(std::strlen, "abc"), 3U);  // of another module
  there(nothing);
}

TEST(PortableCallTest, PointersToMembersAreCalled) {
  EXPECT_EQ(there(&Counter::plus, Counter{3}, 4), 7);
  EXPECT_EQ(there(&Counter::n, Counter{3}), 3);
  EXPECT_EQ(there(&Base::virtually, Base(1), 4), 5);
}

TEST(PortableCallTest, LambdasAndObjectsAreCalled) {
  EXPECT_EQ(there([](int x, double y) { return x * y; }, 2, 1.5), 3.0);
  const auto with_default = [=](auto x) { return x + 1; };
  EXPECT_EQ(there(with_default, 1), 2);
  EXPECT_EQ(there(std::plus<>(), 1, 2), 3);
  EXPECT_EQ(there(Lookup{{{"a", 1}}}, "a"), 1);
  EXPECT_EQ(there(Counter{3}, 4), 7);
}

TEST(PortableCallTest, ByValueTakesCapturesAlong) {
  int offset = 5;
  EXPECT_EQ(there(by_value([offset](int x) { return x + offset; }), 1), 6);
  EXPECT_EQ(there(by_value([n = offset]() mutable { return ++n; })), 6);
}

#ifndef NDEBUG
TEST(PortableCallTest, ByValueFindsPointers) {
  int here = 3;
  const auto on_heap = std::make_unique<int>(4);
  const auto error_of = [](auto&& f) {
    try {
      call(f);
    } catch (const std::logic_error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(error_of(by_value([&here] { return here; })).find("byte 0 of the lambda"), std::string::npos);
  EXPECT_NE(error_of(by_value([k = 7L, p = on_heap.get()] { return *p + k; })).find("byte 8"), std::string::npos);
  EXPECT_NE(error_of(by_value([f = &negate] { return f(1); })).find("byte 0"), std::string::npos);
  EXPECT_EQ(error_of(by_value([a = 1L, b = 2.5, c = -1L, d = 4200000L] { return a + b + c + d; })), "no error");
}
#endif

TEST(PortableCallTest, ArgumentsAreConvertedAsForAThread) {
  EXPECT_EQ(there(add, 1, 2.5), 3);
  EXPECT_EQ(there(wide, short{4}), 8);
  EXPECT_EQ(there(shout, "text"), "TEXT");
  EXPECT_EQ(there(length, "text"), 4U);
  const char* const text = "text";
  EXPECT_EQ(there(length, text), 4U);
  EXPECT_THROW(there(length, static_cast<const char*>(nullptr)), std::logic_error);
  EXPECT_EQ(there(apply, negate, 4), -4);
  const int lvalue = 3;
  EXPECT_EQ(there(negate, lvalue), -3);
}

TEST(PortableCallTest, WhatHasOneOwnerIsMovedThereAndBack) { EXPECT_EQ(*there(increase, std::make_unique<int>(3)), 4); }

TEST(PortableCallTest, AReferenceComesBackAsAValue) {
  const auto first = [](const std::vector<int>& v) -> const int& { return v.front(); };
  static_assert(std::is_same_v<decltype(there(first, std::vector<int>())), int>);
  EXPECT_EQ(there(first, std::vector<int>{7}), 7);
}

TEST(PortableCallTest, AnExceptionComesBack) {
  try {
    there(explode, 1);
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(), "cannot");
    ASSERT_NE(remote_info(e), nullptr);
    EXPECT_NE(remote_info(e)->story().call.find("explode(int)"), std::string::npos);
  }
}

TEST(PortableCallTest, WhatCannotBeWrittenBackIsAnException) {
  struct Moody {
    void encode(Encoder& out) const {
      out.write(1);
      throw std::runtime_error("not today");
    }
    static Moody decode(Decoder&) { return {}; }
  };
  EXPECT_THROW(there([] { return Moody(); }), std::runtime_error);
}

TEST(PortableCallTest, ACallHasAName) {
  EXPECT_NE(call_name(call(negate, 1)).find("negate(int)"), std::string::npos);
  EXPECT_NE(call_name(call(&Counter::plus, Counter(), 1)).find("Counter::plus(int) const"), std::string::npos);
  EXPECT_NE(call_name(call([] {})).find("lambda"), std::string::npos);
  EXPECT_NE(call_name(call(Lookup(), "a")).find("Lookup"), std::string::npos);
  EXPECT_EQ(call_name({}), "an unknown call");
}

TEST(PortableCallTest, LambdasOfOneShapeAreToldApart) {
  const auto one = [](int) { return 1; };
  const auto two = [](int) { return 2; };
  EXPECT_EQ(there(one, 0) * 10 + there(two, 0), 12);
}

std::string error_of(std::span<const std::byte> call) {
  try {
    result_of<int>(call);
  } catch (const UnknownCall& e) {
    return e.what();
  }
  return "no UnknownCall";
}

TEST(PortableCallTest, AnotherBuildIsNamed) {
  std::vector<std::byte> bytes = call(negate, 1);
  bytes[3] ^= std::byte{1};
  EXPECT_NE(error_of(bytes).find("another build of this program"), std::string::npos) << error_of(bytes);
}

TEST(PortableCallTest, AModuleThatIsNotLoadedIsNamed) {
  const std::vector<std::byte> bytes = call(negate, 1);
  Encoder out;
  out.bytes(bytes.data(), sizeof(os::ModuleId) + sizeof(std::uint64_t));
  out.overwrite(0, os::ModuleId{{1, 2}});
  const std::string path = "/opt/plugin.so";
  out.raw(static_cast<std::uint16_t>(path.size()));
  out.bytes(path.data(), path.size());
  const std::string error = error_of(out.bytes());
  EXPECT_NE(error.find("/opt/plugin.so"), std::string::npos) << error;
  EXPECT_NE(error.find("is not loaded in this process"), std::string::npos);
}

TEST(PortableCallTest, OnlyWhatIsACallIsCalled) {
  const std::vector<std::byte> good = call(negate, 1);
  for (const std::uint64_t step : {std::uint64_t{1}, std::uint64_t{8}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    std::vector<std::byte> bytes = good;
    std::uint64_t offset;
    std::memcpy(&offset, bytes.data() + sizeof(os::ModuleId), sizeof offset);
    offset += step;
    std::memcpy(bytes.data() + sizeof(os::ModuleId), &offset, sizeof offset);
    EXPECT_NE(error_of(bytes).find("nothing to call at offset"), std::string::npos) << step;
  }
}

TEST(PortableCallTest, NoTruncatedCallIsMade) {
  const std::vector<std::byte> bytes = call(Lookup{{{"a", 1}}}, "a");
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_THROW(result_of<int>(part), DecodeError) << n;
  }
}

TEST(PortableCallTest, ANullFunctionIsRefused) {
  int (*none)(int) = nullptr;
  EXPECT_THROW(call(none, 1), std::logic_error);
}

TEST(ModulesTest, KnowWhatTheyHold) {
  const os::Module& program = os::program_module();
  EXPECT_TRUE(program.is_program());
  EXPECT_EQ(os::module_of(reinterpret_cast<const void*>(&negate)), &program);
  const os::Module* const libc = os::module_of(reinterpret_cast<const void*>(&std::strlen));
  ASSERT_NE(libc, nullptr);
  EXPECT_EQ(os::find_module(libc->id()), libc);
  EXPECT_EQ(os::find_module({{3, 4}}), nullptr);
  const int local = 3;
  EXPECT_EQ(os::module_of(&local), nullptr);
  EXPECT_EQ(os::id_text({{0x0100, 0}}).substr(0, 6), "000100");
}

}  // namespace
}  // namespace plait::detail
