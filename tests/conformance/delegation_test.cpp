// SPDX-License-Identifier: BSL-1.0
//
// What CPython's test_pep380, TestPEP380Operation, asks of `yield from`, asked of `co_yield elements_of(…)`. Each test
// bears the name that it has there. Where C++ cannot say it (a co_yield in a handler) the body leaves the handler
// first.
#include <plait/generator.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using plait::elements_of;
using plait::Generator;
using plait::GeneratorExit;
using plait::StopIteration;
using Trace = std::vector<std::string>;
using Words = Generator<std::string>;

/// Python's `finally`: says a word whichever way the scope is left.
class Finally {
 public:
  Finally(Trace& trace, std::string word) : trace_{trace}, word_{std::move(word)} {}
  Finally(const Finally&) = delete;
  ~Finally() { trace_.push_back(word_); }

 private:
  Trace& trace_;
  std::string word_;
};

struct LunchError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Iterable>
void yielded(Trace& trace, Iterable&& iterable) {
  for (auto&& value : iterable) trace.push_back("yielded " + value);
}

Words two_words(Trace& trace) {
  trace.push_back("starting inner");
  co_yield "spam";
  co_yield "more spam";
  trace.push_back("finishing inner");
}

/// Yields, delegates to `inner`, yields, as most of those tests do.
Words around(Trace& trace, Words inner) {
  trace.push_back("starting outer");
  Finally finally{trace, "finishing outer"};
  co_yield "ham";
  co_yield elements_of(inner);
  co_yield "eggs";
}

TEST(Pep380Conformance, DelegationOfInitialNextToSubgenerator) {
  Trace trace;
  auto outer = [](Trace& trace) -> Words {
    trace.push_back("starting outer");
    co_yield elements_of(two_words(trace));
    trace.push_back("finishing outer");
  };
  yielded(trace, outer(trace));
  EXPECT_EQ(trace, (Trace{"starting outer", "starting inner", "yielded spam", "yielded more spam", "finishing inner",
                          "finishing outer"}));
}

TEST(Pep380Conformance, RaisingExceptionInInitialNextCall) {
  Trace trace;
  auto inner = [](Trace& trace) -> Words {
    Finally finally{trace, "finishing inner"};
    throw std::invalid_argument("spanish inquisition occurred");
    co_return;
  };
  auto outer = [](Trace& trace, auto inner) -> Words {
    Finally finally{trace, "finishing outer"};
    co_yield elements_of(inner(trace));
  };
  auto generator = outer(trace, inner);
  EXPECT_THROW(generator.next(), std::invalid_argument);
  EXPECT_EQ(trace, (Trace{"finishing inner", "finishing outer"}));
}

TEST(Pep380Conformance, DelegationOfNextCallToSubgenerator) {
  Trace trace;
  yielded(trace, around(trace, two_words(trace)));
  EXPECT_EQ(trace, (Trace{"starting outer", "yielded ham", "starting inner", "yielded spam", "yielded more spam",
                          "finishing inner", "yielded eggs", "finishing outer"}));
}

TEST(Pep380Conformance, RaisingExceptionInDelegatedNextCall) {
  Trace trace;
  auto inner = [](Trace& trace) -> Words {
    Finally finally{trace, "finishing inner"};
    co_yield "spam";
    throw std::invalid_argument("hovercraft is full of eels");
  };
  EXPECT_THROW(yielded(trace, around(trace, inner(trace))), std::invalid_argument);
  EXPECT_EQ(trace, (Trace{"starting outer", "yielded ham", "yielded spam", "finishing inner", "finishing outer"}));
}

using Talk = Generator<std::string, int>;

Talk listening_inner(Trace& trace) {
  trace.push_back("inner received " + std::to_string(co_yield "spam"));
  trace.push_back("inner received " + std::to_string(co_yield "more spam"));
}
Talk listening_outer(Trace& trace) {
  trace.push_back("outer received " + std::to_string(co_yield "ham"));
  co_yield elements_of(listening_inner(trace));
  trace.push_back("outer received " + std::to_string(co_yield "eggs"));
}

TEST(Pep380Conformance, DelegationOfSend) {
  Trace trace;
  auto generator = listening_outer(trace);
  generator.next();
  for (int x = 1; auto word = generator.send(x); ++x) trace.push_back("yielded " + *word);
  EXPECT_EQ(trace, (Trace{"outer received 1", "yielded spam", "inner received 2", "yielded more spam",
                          "inner received 3", "yielded eggs", "outer received 4"}));
}

TEST(Pep380Conformance, HandlingExceptionWhileDelegatingSend) {
  Trace trace;
  auto inner = [](Trace& trace) -> Talk {
    const int x = co_yield "spam";
    trace.push_back("inner received " + std::to_string(x));
    throw std::invalid_argument("hovercraft is full of eels");
  };
  auto outer = [](Trace& trace, auto inner) -> Talk {
    co_yield elements_of(inner(trace));
    trace.push_back("not here");
  };
  auto generator = outer(trace, inner);
  generator.next();
  EXPECT_THROW(generator.send(2), std::invalid_argument);
  EXPECT_EQ(trace, (Trace{"inner received 2"}));
}

TEST(Pep380Conformance, DelegatingClose) {
  Trace trace;
  auto inner = [](Trace& trace) -> Words {
    Finally finally{trace, "finishing inner"};
    co_yield "spam";
    co_yield "more spam";
  };
  auto generator = around(trace, inner(trace));
  generator.next();
  generator.next();
  generator.close();
  EXPECT_EQ(trace, (Trace{"starting outer", "finishing inner", "finishing outer"}));
}

TEST(Pep380Conformance, HandingExceptionWhileDelegatingClose) {
  Trace trace;
  auto inner = [](Trace& trace) -> Words {
    try {
      co_yield "spam";
    } catch (const GeneratorExit&) {
      trace.push_back("finishing inner");
      throw std::invalid_argument("nybbles have exploded with delight");
    }
  };
  auto generator = around(trace, inner(trace));
  generator.next();
  generator.next();
  EXPECT_THROW(generator.close(), std::invalid_argument);
  EXPECT_EQ(trace, (Trace{"starting outer", "finishing inner", "finishing outer"}));
}

TEST(Pep380Conformance, DelegatingThrow) {
  Trace trace;
  auto generator = around(trace, two_words(trace));
  generator.next();
  generator.next();
  EXPECT_THROW(generator.throw_in(std::invalid_argument("tomato ejected")), std::invalid_argument);
  EXPECT_EQ(trace, (Trace{"starting outer", "starting inner", "finishing outer"}));
}

TEST(Pep380Conformance, GeneratorReturnValue) {
  auto inner = [](std::optional<int> v) -> Generator<std::string, void, std::optional<int>> {
    co_yield "spam";
    co_return v;
  };
  auto outer = [](auto inner) -> Words {
    const auto none = co_yield elements_of(inner(std::nullopt));
    const auto some = co_yield elements_of(inner(42));
    co_yield std::string(none ? "some" : "none") + " " + std::to_string(*some);
  };
  Trace trace;
  yielded(trace, outer(inner));
  EXPECT_EQ(trace, (Trace{"yielded spam", "yielded spam", "yielded none 42"}));
}

TEST(Pep380Conformance, DelegationOfNextToNonGenerator) {
  auto body = []() -> Generator<int> { co_yield elements_of(std::views::iota(0, 3)); };
  std::vector<int> seen;
  for (int i : body()) seen.push_back(i);
  EXPECT_EQ(seen, (std::vector{0, 1, 2}));
}

TEST(Pep380Conformance, ConversionOfSendNoneToNext) {
  auto body = []() -> Generator<int, int> { co_yield elements_of(std::views::iota(0, 3)); };
  auto generator = body();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(generator.next(), i);
  EXPECT_EQ(generator.next(), std::nullopt);
}

Talk from_range(Trace& trace) {
  Finally finally{trace, "finishing"};
  const std::vector<std::string> range(3, "element");
  co_yield elements_of(range);
  trace.push_back("not here");
}

TEST(Pep380Conformance, DelegationOfCloseToNonGenerator) {
  Trace trace;
  auto generator = from_range(trace);
  generator.next();
  generator.close();
  EXPECT_EQ(trace, (Trace{"finishing"}));
}

TEST(Pep380Conformance, DelegatingThrowToNonGenerator) {
  Trace trace;
  auto generator = from_range(trace);
  generator.next();
  generator.next();
  EXPECT_THROW(generator.throw_in(std::invalid_argument("tomato ejected")), std::invalid_argument);
  EXPECT_EQ(trace, (Trace{"finishing"}));
}

TEST(Pep380Conformance, AttemptingToSendToNonGenerator) {
  Trace trace;
  auto generator = from_range(trace);
  generator.next();
  EXPECT_THROW(generator.send(42), std::logic_error);
  EXPECT_EQ(trace, (Trace{"finishing"}));
}

TEST(Pep380Conformance, ExceptionInInitialNextCall) {
  auto inner = []() -> Words { co_yield std::string().at(1) + std::string(); };
  auto outer = [](auto inner) -> Words { co_yield elements_of(inner()); };
  EXPECT_THROW(outer(inner).next(), std::out_of_range);
}

TEST(Pep380Conformance, AttemptedYieldFromLoop) {
  Trace trace;
  auto inner = [](Trace& trace, Words*& whole) -> Words {
    co_yield "y2";
    trace.push_back("about to delegate to the outermost");
    co_yield elements_of(*whole);
    trace.push_back("not here");
  };
  auto outer = [](Trace& trace, Words*& whole, auto inner) -> Words {
    co_yield "y1";
    co_yield elements_of(inner(trace, whole));
    trace.push_back("not here");
  };
  Words* whole = nullptr;
  auto generator = outer(trace, whole, inner);
  whole = &generator;
  EXPECT_THROW(yielded(trace, generator), std::logic_error);
  EXPECT_EQ(trace, (Trace{"yielded y1", "yielded y2", "about to delegate to the outermost"}));
}

TEST(Pep380Conformance, ReturningValueFromDelegatedThrow) {
  Trace trace;
  auto inner = [](Trace& trace) -> Words {
    try {
      co_yield "spam";
      co_yield "more spam";
    } catch (const LunchError&) {
      trace.push_back("caught LunchError");
    }
    co_yield "lunch saved";
    co_yield "yet more spam";
  };
  auto generator = around(trace, inner(trace));
  generator.next();
  generator.next();
  EXPECT_EQ(generator.throw_in(LunchError("tomato ejected")), "lunch saved");
  yielded(trace, generator);
  EXPECT_EQ(trace,
            (Trace{"starting outer", "caught LunchError", "yielded yet more spam", "yielded eggs", "finishing outer"}));
}

TEST(Pep380Conformance, NextAndReturnWithValue) {
  auto body = [](int r) -> Generator<int, void, int> {
    co_yield 0;
    co_return r;
  };
  auto generator = body(42);
  plait::next(generator);
  EXPECT_THROW(plait::next(generator), StopIteration);
  EXPECT_EQ(generator.returned(), 42);
}

TEST(Pep380Conformance, SendAndReturnWithValue) {
  auto body = []() -> Generator<int, std::string, std::string> { co_return "received " + (co_yield 0); };
  auto generator = body();
  generator.next();
  EXPECT_EQ(generator.send("spam"), std::nullopt);
  EXPECT_EQ(generator.returned(), "received spam");
}

TEST(Pep380Conformance, CatchingExceptionFromSubgenAndReturning) {
  auto inner = []() -> Generator<int, void, int> {
    try {
      co_yield 1;
    } catch (const std::invalid_argument&) {
    }
    co_return 2;
  };
  auto outer = [](auto inner) -> Generator<int> {
    const int v = co_yield elements_of(inner());
    co_yield v;
  };
  auto generator = outer(inner);
  EXPECT_EQ(generator.next(), 1);
  EXPECT_EQ(generator.throw_in(std::invalid_argument("")), 2);
}

/// `inner` gets a GeneratorExit and does what it is told; the outer one only delegates.
enum class OnExit { returns, yields, raises };
Words asked_to_exit(Trace& trace, OnExit how) {
  try {
    co_yield "enter";
    trace.push_back("not here");
  } catch (const GeneratorExit&) {
    if (how == OnExit::returns) co_return;
    if (how == OnExit::raises) throw std::invalid_argument("Vorpal bunny encountered");
  }
  co_yield "yields all the same";
}
Words delegate(Trace& trace, Words inner) {
  co_yield elements_of(inner);
  trace.push_back("not here either");
}

template <class Error>
void throw_exit_into(OnExit how) {
  Trace trace;
  auto generator = delegate(trace, asked_to_exit(trace, how));
  generator.next();
  EXPECT_THROW(generator.throw_in(GeneratorExit{}), Error);
  EXPECT_TRUE(trace.empty());
}

TEST(Pep380Conformance, ThrowingGeneratorExitIntoSubgenThatReturns) { throw_exit_into<GeneratorExit>(OnExit::returns); }
TEST(Pep380Conformance, ThrowingGeneratorExitIntoSubgeneratorThatYields) {
  throw_exit_into<std::runtime_error>(OnExit::yields);
}
TEST(Pep380Conformance, ThrowingGeneratorExitIntoSubgenThatRaises) {
  throw_exit_into<std::invalid_argument>(OnExit::raises);
}

TEST(Pep380Conformance, YieldFromEmpty) {
  auto body = []() -> Generator<int> { co_yield elements_of(std::views::empty<int>); };
  EXPECT_THROW(plait::next(body()), StopIteration);
}

TEST(Pep380Conformance, DelegatingGeneratorsClaimToBeRunning) {
  Generator<int>* one = nullptr;
  auto two = [](Generator<int>*& one) -> Generator<int> {
    EXPECT_THROW(one->next(), std::logic_error);
    co_yield 1;
    EXPECT_THROW(one->next(), std::logic_error);
  };
  auto outer = [](Generator<int>*& one, auto two) -> Generator<int> {
    co_yield 0;
    co_yield elements_of(two(one));
    co_yield 2;
  };
  auto generator = outer(one, two);
  one = &generator;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(generator.next(), i);
}

TEST(Pep380Conformance, AGeneratorThatIgnoredItsExitCanGoOnIfItIsKept) {  // The formal semantics of PEP 380.
  Trace trace;
  auto kept = asked_to_exit(trace, OnExit::yields);
  auto outer = [](Words& inner) -> Words {
    std::string said;
    try {
      co_yield elements_of(inner);
    } catch (const std::runtime_error& error) {
      said = error.what();
    }
    co_yield said;
  };
  auto generator = outer(kept);
  generator.next();
  EXPECT_EQ(generator.throw_in(GeneratorExit{}),
            "plait::Generator: the generator yielded while it was being closed; after GeneratorExit it must end");
  EXPECT_EQ(kept.next(), std::nullopt);
}

}  // namespace
