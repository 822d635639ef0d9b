// SPDX-License-Identifier: BSL-1.0
#include "plait/core/scope.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "plait/plait.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using detail::CurrentStrand;
using detail::Scope;
using detail::Strand;
using test::turns;

/// A scope round a block of a task.
class Block : public Scope {
 public:
  explicit Block(Strand& strand) { enter(strand); }
  ~Block() { leave(); }
};

Task<bool> checkpoint_throws() {
  try {
    co_await yield_now();
  } catch (const Cancelled&) {
    co_return true;
  }
  co_return false;
}

TEST(Scope, ThrowsAtEveryCheckpointOnceItIsCancelled) {  // behaviour 45: level-triggered
  run([]() -> Task<> {
    Strand& self = co_await CurrentStrand{};
    {
      Block block(self);
      EXPECT_FALSE(co_await checkpoint_throws());
      block.cancel();
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(co_await checkpoint_throws());
    }
    EXPECT_FALSE(co_await checkpoint_throws());  // it is left: nothing is delivered afterwards (47)
  });
}

TEST(Scope, DeliversNothingWhenItIsLeftWithoutACheckpoint) {  // behaviour 47
  run([]() -> Task<> {
    Strand& self = co_await CurrentStrand{};
    {
      Block block(self);
      block.cancel();
    }
    co_await yield_now();
  });
}

TEST(Scope, IsHiddenByAShieldFromOuterCancellationButNotFromItsOwn) {  // behaviour 46
  run([]() -> Task<> {
    Strand& self = co_await CurrentStrand{};
    Block outer(self);
    {
      Block inner(self);
      inner.shield(true);
      outer.cancel();
      EXPECT_FALSE(co_await checkpoint_throws());
      inner.cancel();
      EXPECT_TRUE(co_await checkpoint_throws());
      EXPECT_FALSE(inner.cancelled_from_outside());
    }
    EXPECT_TRUE(co_await checkpoint_throws());
  });
}

TEST(Scope, WakesASleeperAtOnceWhenTheShieldGoes) {  // behaviour 46
  run([]() -> Task<> {
    Scope* shield = nullptr;
    Future<void> f = spawn([&]() -> Task<> {
      Strand& self = co_await CurrentStrand{};
      Block inner(self);
      inner.shield(true);
      shield = &inner;
      co_await sleep(1000h);
    });
    co_await turns(2);
    f.cancel();
    co_await turns(3);
    EXPECT_FALSE(f.done());
    shield->shield(false);
    EXPECT_THROW(co_await f, Cancelled);
  });
}

TEST(Scope, KnowsThatTheOuterOneOfTwoCancelledCatches) {  // behaviours 47, 52
  run([]() -> Task<> {
    Strand& self = co_await CurrentStrand{};
    Block outer(self);
    Block inner(self);
    inner.cancel();
    EXPECT_FALSE(inner.cancelled_from_outside());
    try {
      co_await yield_now();
    } catch (const Cancelled&) {
      outer.cancel();  // during unwinding
    }
    EXPECT_TRUE(inner.called());
    EXPECT_TRUE(inner.cancelled_from_outside());
  });
}

TEST(Scope, IsEffectiveFromTheStartUnderACancelledParent) {  // [W5]
  run([]() -> Task<> {
    Strand& self = co_await CurrentStrand{};
    Block outer(self);
    outer.cancel();
    Block inner(self);
    EXPECT_TRUE(inner.effective());
    EXPECT_FALSE(inner.called());
    EXPECT_TRUE(co_await checkpoint_throws());
  });
}

TEST(Scope, IsEffectiveInAChildThatIsStartedUnderACancelledNursery) {  // [W5]
  run([]() -> Task<> {
    Strand& self = co_await CurrentStrand{};
    Block outer(self);
    outer.cancel();
    bool threw = false;
    const auto child = [&]() -> Task<> { threw = co_await checkpoint_throws(); };
    co_await gather(child());
    EXPECT_TRUE(threw);
  });
}

TEST(Scope, CallsItsObserverWhenItBecomesEffective) {
  static int observed;
  observed = 0;
  struct Observed : Scope {
    Observed() {
      on_cancel = [](Scope&) noexcept { ++observed; };
    }
  };
  run([]() -> Task<> {
    Strand& self = co_await CurrentStrand{};
    Block outer(self);
    {
      Observed inner;
      inner.enter(self);
      EXPECT_EQ(observed, 0);
      outer.cancel();
      EXPECT_EQ(observed, 1);
      inner.cancel();  // it is effective already
      EXPECT_EQ(observed, 1);
      inner.leave();
    }
    Observed late;
    late.enter(self);
    EXPECT_EQ(observed, 2);
    late.leave();
  });
}

/// An operation that can't be stopped and counts how often it is asked to.
struct Stubborn : detail::Operation {
  explicit Stubborn(int& count) : Operation(&not_now), asked(&count) {}
  static bool not_now(Operation& operation) noexcept {
    ++*static_cast<Stubborn&>(operation).asked;
    return false;
  }
  bool await_ready() const { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> frame) {
    strand = frame.promise().strand;
    strand->resume_point = frame;
    strand->waiting = this;
  }
  void await_resume() { strand->waiting = nullptr; }
  int* asked;
};

TEST(Scope, AsksAnOperationToStopAtMostOnceASuspension) {  // [W7], behaviour 48
  run([]() -> Task<> {
    int asked = 0;
    Strand* strand = nullptr;
    Scope* inner = nullptr;
    Future<void> f = spawn([&]() -> Task<> {
      Strand& self = co_await CurrentStrand{};
      Block block(self);
      strand = &self;
      inner = &block;
      Stubborn stubborn(asked);
      co_await stubborn;
      EXPECT_TRUE(co_await checkpoint_throws());
    });
    co_await turns(2);
    inner->cancel();
    f.cancel();
    inner->shield(true);
    inner->shield(false);
    EXPECT_EQ(asked, 1);
    EXPECT_FALSE(f.done());
    strand->unpark();
    co_await f;
  });
}

TEST(Scope, CancelsAChainOfAHundredThousandWithoutRecursion) {
  constexpr int kLong = 100'000;
  run([]() -> Task<> {
    Strand& self = co_await CurrentStrand{};
    std::vector<std::unique_ptr<Scope>> chain;
    for (int i = 0; i < kLong; ++i) {
      chain.push_back(std::make_unique<Scope>());
      chain.back()->enter(self);
    }
    chain.front()->cancel();
    EXPECT_TRUE(chain.back()->effective());
    EXPECT_TRUE(co_await checkpoint_throws());
    while (!chain.empty()) {
      chain.back()->leave();
      chain.pop_back();
    }
    EXPECT_FALSE(co_await checkpoint_throws());
  });
}

TEST(Scope, StopsAtShieldsAndVisitsEverySiblingWhenItIsCancelled) {
  run([]() -> Task<> {
    std::vector<Future<void>> plain;
    Future<void> shielded;
    bool through = false;
    Future<void> parent = spawn([&]() -> Task<> {
      const auto stops = []() -> Task<> { co_await sleep(1000h); };
      const auto goes_on = [&]() -> Task<> {
        Strand& self = co_await CurrentStrand{};
        Block block(self);
        block.shield(true);
        co_await turns(20);
        through = true;
      };
      co_await gather(stops(), goes_on(), stops(), stops());
    });
    co_await turns(3);
    parent.cancel();
    EXPECT_THROW(co_await parent, Cancelled);
    EXPECT_TRUE(through);
  });
}

TEST(Scope, CancelsItsOwnStrandAtTheNextCheckpointOnly) {  // behaviours 26, 27 in a level-triggered system
  run([]() -> Task<> {
    Future<int> f;
    f = spawn([&]() -> Task<int> {
      co_await yield_now();
      f.cancel();
      co_return 5;  // no further checkpoint: the value is returned
    });
    EXPECT_EQ(co_await f, 5);
  });
}

}  // namespace
}  // namespace plait
