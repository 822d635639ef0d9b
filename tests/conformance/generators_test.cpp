// SPDX-License-Identifier: BSL-1.0
//
// What Python's own tests ask of generators, asked of Generator; delegation is in delegation_test.cpp. Each test names
// its source: a test of CPython's Lib/test, or a PEP. Where C++ cannot say it (a co_yield in a handler) the body leaves
// the handler first. What has no counterpart is left out: names of frames, pickling, the garbage collector,
// sys.exception().
#include <plait/generator.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

namespace {

using plait::elements_of;
using plait::Generator;
using plait::GeneratorExit;
using plait::StopIteration;

// test_generators, GeneratorTest and GeneratorCloseTest

TEST(GeneratorsConformance, SendNonNoneToNewGen) {
  auto body = []() -> Generator<int, int> { co_yield 1; };
  auto generator = body();
  EXPECT_THROW(generator.send(0), std::logic_error);
  EXPECT_EQ(plait::next(generator), 1);
}

TEST(GeneratorsConformance, StopIterationErrorAndTutorialStopIteration) {  // And PEP 479.
  auto body = []() -> Generator<int> {
    co_yield 1;
    throw StopIteration{};
  };
  auto generator = body();
  EXPECT_EQ(plait::next(generator), 1);
  try {
    plait::next(generator);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("StopIteration left the body"), std::string::npos);
    EXPECT_THROW(std::rethrow_if_nested(error), StopIteration);
  }
  EXPECT_THROW(plait::next(generator), StopIteration);
}

TEST(Pep479Conformance, StopIterationOfAnotherGeneratorDoesNotEndThisOneQuietly) {
  auto firsts = []() -> Generator<int> {
    for (;;) {
      auto empty = []() -> Generator<int> { co_return; }();
      co_yield plait::next(empty);
    }
  };
  auto outer = [](auto firsts) -> Generator<int> { co_yield elements_of(firsts()); };
  EXPECT_THROW(outer(firsts).next(), std::runtime_error);
}

TEST(Pep479Conformance, StopIterationThrownInIsAnErrorUnlessCaught) {
  auto body = []() -> Generator<int> { co_yield 1; };
  auto generator = body();
  generator.next();
  EXPECT_THROW(generator.throw_in(StopIteration{}), std::runtime_error);
}

TEST(GeneratorsConformance, ReturnTuple) {
  auto body = []() -> Generator<int, std::pair<int, int>, std::pair<int, int>> { co_return co_yield 1; };
  auto generator = body();
  EXPECT_EQ(plait::next(generator), 1);
  EXPECT_EQ(generator.send({2, 3}), std::nullopt);
  EXPECT_EQ(generator.returned(), (std::pair{2, 3}));
}

TEST(GeneratorsConformance, SendWithYieldFromAndThrowWithYieldFrom) {
  auto inner = []() -> Generator<int, int, int> { co_return co_yield 1; };
  auto outer = [](auto inner) -> Generator<int, int, int> { co_return co_yield elements_of(inner()); };
  auto sent = outer(inner);
  sent.next();
  EXPECT_EQ(sent.send(2), std::nullopt);
  EXPECT_EQ(sent.returned(), 2);
  auto thrown = outer(inner);
  thrown.next();
  EXPECT_THROW(thrown.throw_in(std::range_error("")), std::range_error);
}

Generator<int, void, int> returns_at_exit() {
  try {
    co_yield 1;
  } catch (const GeneratorExit&) {
    co_return 0;
  }
  co_return 1;
}

TEST(GeneratorsConformance, CloseReturnValue) {
  auto generator = returns_at_exit();
  generator.next();
  generator.close();
  EXPECT_EQ(generator.returned(), 0);
}

TEST(GeneratorsConformance, CloseNotCatchingExit) {
  auto body = []() -> Generator<int, void, int> {
    co_yield 1;
    co_return 0;
  };
  auto generator = body();
  generator.next();
  generator.close();
  EXPECT_THROW(generator.returned(), std::logic_error);
}

TEST(GeneratorsConformance, CloseNotStarted) {
  auto generator = returns_at_exit();
  generator.close();
  EXPECT_THROW(generator.returned(), std::logic_error);
  EXPECT_EQ(generator.next(), std::nullopt);
}

TEST(GeneratorsConformance, CloseExhaustedAndCloseClosed) {
  auto generator = returns_at_exit();
  generator.next();
  EXPECT_EQ(generator.next(), std::nullopt);
  generator.close();
  generator.close();
  EXPECT_EQ(generator.returned(), 1);
}

TEST(GeneratorsConformance, CloseRaises) {
  auto body = []() -> Generator<int> {
    try {
      co_yield 1;
    } catch (const GeneratorExit&) {
    }
    throw std::runtime_error("at close");
  };
  auto generator = body();
  generator.next();
  EXPECT_THROW(generator.close(), std::runtime_error);
}

TEST(GeneratorsConformance, CloseReleasesFrameLocals) {
  const auto seen = std::make_shared<int>();
  auto body = [](std::weak_ptr<int> seen) -> Generator<int> {
    const auto local = seen.lock();
    co_yield 1;
  };
  auto generator = body(seen);
  generator.next();
  EXPECT_EQ(seen.use_count(), 2);
  generator.close();
  EXPECT_EQ(seen.use_count(), 1);
}

// test_generators, the doctests of the PEPs

TEST(Pep255Conformance, AGeneratorCannotBeResumedWhileActivelyRunning) {
  Generator<int>* me = nullptr;
  auto body = [](Generator<int>*& me) -> Generator<int> { co_yield plait::next(*me); };
  auto generator = body(me);
  me = &generator;
  EXPECT_THROW(plait::next(generator), std::logic_error);
}

TEST(Pep255Conformance, AnUncaughtExceptionEndsTheGenerator) {
  auto fails = []() -> Generator<int> {
    co_yield std::string().at(0);
    co_yield 2;
  };
  auto outer = [](auto fails) -> Generator<int> {
    auto inner = fails();
    co_yield plait::next(inner);
    co_yield 42;
  };
  auto generator = outer(fails);
  EXPECT_THROW(plait::next(generator), std::out_of_range);
  EXPECT_THROW(plait::next(generator), StopIteration);
}

Generator<int> inorder(int low, int high) {
  if (low < high) {
    const int middle = (low + high) / 2;
    for (int i : inorder(low, middle)) co_yield i;
    co_yield middle;
    for (int i : inorder(middle + 1, high)) co_yield i;
  }
}

TEST(Pep255Conformance, ARecursiveGeneratorWalksATree) {
  int expected = 0;
  for (int i : inorder(0, 26)) EXPECT_EQ(i, expected++);
  EXPECT_EQ(expected, 26);
}

Generator<int> integers(int from) {
  for (;;) co_yield from++;
}
Generator<int> not_divisible(Generator<int> from, int by) {
  for (int i : from) {
    if (i % by != 0) co_yield i;
  }
}
Generator<int> sieve() {
  auto rest = integers(2);
  for (;;) {
    const int prime = plait::next(rest);
    co_yield prime;
    rest = not_divisible(std::move(rest), prime);
  }
}

TEST(Pep255Conformance, TheSieveOfEratosthenesOfTheFunTests) {
  std::vector<int> primes;
  for (auto generator = sieve(); primes.size() < 10;) primes.push_back(plait::next(generator));
  EXPECT_EQ(primes, (std::vector{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}));
}

TEST(Pep342Conformance, ThrowIntoANewGeneratorEndsIt) {
  auto body = []() -> Generator<int> { co_yield 1; };
  auto generator = body();
  EXPECT_THROW(generator.throw_in(std::invalid_argument("7")), std::invalid_argument);
  EXPECT_EQ(generator.next(), std::nullopt);
}

TEST(Pep342Conformance, ThrowIntoAnExhaustedGeneratorRaisesIt) {
  auto body = []() -> Generator<int> { co_return; };
  auto generator = body();
  generator.next();
  EXPECT_THROW(generator.throw_in(std::invalid_argument("7")), std::invalid_argument);
}

TEST(Pep342Conformance, AGeneratorThatYieldsWhileItIsClosedIsAnError) {
  auto body = []() -> Generator<int> {
    for (;;) {
      try {
        co_yield 1;
      } catch (const GeneratorExit&) {
      }
    }
  };
  auto generator = body();
  generator.next();
  EXPECT_THROW(generator.close(), std::runtime_error);
  EXPECT_EQ(generator.next(), 1) << "it stands at the yield that it should not have made";
}

TEST(Pep342Conformance, AnExceptionThrownInMayBeAnsweredByAnother) {
  auto body = []() -> Generator<int> {
    try {
      co_yield 1;
    } catch (const std::exception&) {
      std::throw_with_nested(std::out_of_range("instead"));
    }
  };
  auto generator = body();
  generator.next();
  try {
    generator.throw_in(std::invalid_argument("thrown in"));
    FAIL();
  } catch (const std::out_of_range& error) {
    EXPECT_THROW(std::rethrow_if_nested(error), std::invalid_argument);
  }
}

}  // namespace
