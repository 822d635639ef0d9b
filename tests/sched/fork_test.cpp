// SPDX-License-Identifier: BSL-1.0
// gather on a pool, where a child is called, or taken by another worker: what it sees is the same [P5].
#include "plait/sched/fork.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

/// Runs `body` on a loop, on a pool of one and on one of three.
template <class Body>
void everywhere(Body body) {
  run(body());
  for (const int size : {1, 3}) {
    ThreadPool pool(size);
    pool.run(body());
  }
}

/// Keeps the calling child where it is until another worker has had the chance to take its siblings.
void dawdle(unsigned random) {
  for (unsigned i = 0; i < random % 64; ++i) i % 8 == 7 ? std::this_thread::yield() : detail::cpu_relax();
}

// ---- Context ----

ContextVar<int> variable("variable", 0);

Task<> set_and_look(int n, bool suspends, std::atomic<int>& wrong) {
  if (variable.get() != 7) ++wrong;
  variable.set(n);
  dawdle(static_cast<unsigned>(n) * 7919);
  if (suspends) co_await yield_now();
  if (variable.get() != n) ++wrong;
  if (n % 3 == 0) throw std::runtime_error("odd");
}

TEST(Fork, ContextVariablesOfChildrenDontLeakWhereverTheyRun) {
  everywhere([]() -> Task<> {
    std::atomic<int> wrong{0};
    variable.set(7);
    for (int round = 0; round < test::rounds(300); ++round) {
      std::vector<Task<>> children;
      for (int i = 1; i <= 6; ++i) children.push_back(set_and_look(i, (round >> (i % 4)) & 1, wrong));
      try {
        co_await gather(std::move(children));
        ADD_FAILURE() << "nothing thrown";
      } catch (const ExceptionGroup&) {
      }
      EXPECT_EQ(variable.get(), 7);
    }
    EXPECT_EQ(wrong, 0);
  });
}

TEST(Fork, ContextVariablesOfNestedGathersAreThoseOfTheirParent) {
  struct Nest {
    static Task<> call(int depth, std::atomic<int>& wrong) {
      const int mine = variable.get();
      if (depth == 0) co_return;
      variable.set(mine + 1);
      co_await gather(call(depth - 1, wrong), call(depth - 1, wrong));
      if (variable.get() != mine + 1) ++wrong;
    }
  };
  everywhere([]() -> Task<> {
    std::atomic<int> wrong{0};
    variable.set(1);
    co_await Nest::call(9, wrong);
    EXPECT_EQ(variable.get(), 2);  // an awaited Task shares them
    EXPECT_EQ(wrong, 0);
  });
}

// ---- Errors ----

Task<int> fails(int n) {
  dawdle(static_cast<unsigned>(n) * 31);
  throw std::runtime_error(std::to_string(n));
  co_return 0;
}

TEST(Fork, TheFailuresOfAllChildrenAreKept) {
  everywhere([]() -> Task<> {
    for (int round = 0; round < test::rounds(200); ++round) {
      std::vector<Task<int>> children;
      for (int i = 0; i < 10; ++i) children.push_back(fails(i));
      std::vector<std::string> texts;
      try {
        co_await gather(std::move(children));
      } catch (const ExceptionGroup& group) {
        for (const auto& error : group) texts.push_back(describe(error));
      }
      EXPECT_EQ(texts.size(), 10u);
      for (std::size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(texts[i], "std::runtime_error: " + std::to_string(i));
      }
    }
  });
}

TEST(Fork, AGatherThatIsNotAwaitedDoesNothing) {
  everywhere([]() -> Task<> {
    bool begun = false;
    const auto child = [&]() -> Task<> {
      begun = true;
      co_return;
    };
    {
      auto unused = gather(child(), child());
    }
    co_await yield_now();
    EXPECT_FALSE(begun);
  });
}

// ---- Many, and deep ----

Task<long> number(long n) { co_return n; }

TEST(Fork, AMillionChildrenInOneRange) {
  constexpr long count = test::rounds(1'000'000);
  ThreadPool pool(2);
  const auto sum = []() -> Task<long> {
    std::vector<Task<long>> children;
    for (long i = 0; i < count; ++i) children.push_back(number(i));
    long total = 0;
    for (const long n : co_await gather(std::move(children))) total += n;
    co_return total;
  };
  EXPECT_EQ(pool.run(sum()), count * (count - 1) / 2);
}

Task<int> chain(int depth) {
  if (depth == 0) co_return 0;
  auto [below] = co_await gather(chain(depth - 1));
  co_return below + 1;
}
Task<int> chain_of_two(int depth) {
  if (depth == 0) co_return 0;
  auto [below, zero] = co_await gather(chain_of_two(depth - 1), number(0));
  co_return below + 1 + static_cast<int>(zero);
}

TEST(Fork, NestsAHundredThousandDeep) {
  for (const int size : {1, 2}) {
    ThreadPool pool(size);
    EXPECT_EQ(pool.run(chain(100'000)), 100'000);
    EXPECT_EQ(pool.run(chain_of_two(test::rounds(100'000))), test::rounds(100'000));
  }
}

// ---- Taken children ----

TEST(Fork, ChildrenThatWaitForEachOtherAllRun) {
  everywhere([]() -> Task<> {
    for (int round = 0; round < test::rounds(200); ++round) {
      Event events[4];
      const auto child = [&](int i) -> Task<int> {  // the first waits for the second and so on
        if (i < 3) co_await events[i + 1].wait();
        events[i].set();
        co_return i;
      };
      auto [a, b, c, d] = co_await gather(child(0), child(1), child(2), child(3));
      EXPECT_EQ(a + b + c + d, 6);
    }
  });
}

TEST(Fork, AParentThatWaitedInAChildGoesOnOnAnotherWorker) {
  ThreadPool pool(2);
  const auto body = []() -> Task<> {
    for (int round = 0; round < test::rounds(1'000); ++round) {
      Event event;
      const auto suspends = [&]() -> Task<int> {
        co_await event.wait();
        dawdle(static_cast<unsigned>(round));
        auto [a, b] = co_await gather(number(1), number(2));
        co_return static_cast<int>(a + b);
      };
      const auto sets = [&]() -> Task<int> {
        event.set();
        dawdle(static_cast<unsigned>(round) * 13);
        co_return 1;
      };
      auto [a, b, c] = co_await gather(suspends(), sets(), number(5));
      EXPECT_EQ(a + b + c, 9);
    }
  };
  pool.run(body());
}

// ---- Scopes ----

/// A tree of gathers with all kinds of scopes in between, whose leaves wait for ever, except one that fails. All must
/// end, each by Cancelled but that one; and nobody outside the failed gather may notice.
class Tree {
 public:
  explicit Tree(unsigned seed) : seed_(seed) {}

  Task<> run_one() {
    begun_ = ended_ = leaves_ = 0;
    failing_ = static_cast<int>(seed_ % 12);
    bool failed = false;
    try {
      co_await node(3, seed_);
    } catch (const ExceptionGroup&) {
      failed = true;
    }
    EXPECT_TRUE(failed) << "seed " << seed_;
    EXPECT_EQ(begun_, ended_) << "seed " << seed_;
    EXPECT_FALSE(co_await test::checkpoint_throws()) << "seed " << seed_;
  }

 private:
  Task<> leaf(unsigned random) {
    const int number = leaves_++;
    ++begun_;
    dawdle(random);
    bool cancelled = false;
    try {
      if (number == failing_ || random % 11 == 0) {
        for (unsigned i = 0; i < random / 11 % 4; ++i) co_await yield_now();
        ++ended_;
        throw std::runtime_error("leaf");
      }
      co_await never_.wait();
      ADD_FAILURE() << "nobody sets it";
    } catch (const Cancelled&) {
      ++ended_;
      cancelled = true;
    }
    // As long as it lasts the cancel is seen by every operation.
    EXPECT_TRUE(cancelled && co_await test::checkpoint_throws()) << "seed " << seed_;
    throw Cancelled{};
  }
  Task<> shielded(unsigned random) {
    const auto inside = [](unsigned turns) -> Task<> {
      for (unsigned i = 0; i < turns % 4; ++i) co_await yield_now();
    };
    co_await shield(inside(random));
    co_await leaf(random | 1);
  }
  Task<> in_scope(int depth, unsigned random) {
    CancelScope scope;
    co_await scope.run([&] { return node(depth, random); });
  }
  Task<> in_group(int depth, unsigned random) {
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      group.spawn(node(depth, random));
      group.spawn(leaf(random));
      co_await group.join();
    });
  }
  Task<> nested_failure(unsigned random) {  // an inner gather that fails and is forgiven
    const auto fails = [](unsigned turns) -> Task<> {
      for (unsigned i = 0; i < turns % 3; ++i) co_await yield_now();
      throw std::runtime_error("inner");
    };
    const auto waits = [this]() -> Task<> { co_await never_.wait(); };
    try {
      co_await gather(waits(), fails(random), waits());
    } catch (const ExceptionGroup&) {
    }
    co_await leaf(random | 1);
  }
  Task<> node(int depth, unsigned random) {
    random = random * 1664525 + 1013904223;
    const unsigned choice = random >> 16;
    if (depth == 0) co_return co_await leaf(choice);
    switch (choice % 7) {
      case 0:
        co_return co_await in_scope(depth - 1, random);
      case 1:
        co_return co_await in_group(depth - 1, random);
      case 2:
        co_return co_await timeout(1h, node(depth - 1, random));
      case 3:
        co_await gather(nested_failure(choice), node(depth - 1, random), leaf(choice / 5));
        co_return;
      case 4:
        co_await gather(shielded(choice / 7), node(depth - 1, random + 1));
        co_return;
      default:
        co_await gather(node(depth - 1, random), leaf(choice / 3), node(depth - 1, random + 1));
        co_return;
    }
  }

  const unsigned seed_;
  Event never_;
  int failing_ = 0;
  std::atomic<int> begun_{0}, ended_{0}, leaves_{0};
};

/// The same with a cancel from outside instead, at some time.
Task<> many_trees(int count) {
  for (int seed = 1; seed <= count; ++seed) {
    Tree tree(static_cast<unsigned>(seed));
    bool late = false;
    // A tree of which no leaf fails waits until this cancels it.
    try {
      co_await timeout(1s, tree.run_one());
    } catch (const TimeoutError&) {
      late = true;
    }
    static_cast<void>(late);
  }
}

TEST(Fork, AFailureReachesAllThatTheChildrenHaveOpened) {
  testing::VirtualTime time;
  run(many_trees(test::rounds(300)));
  for (const int size : {1, 3}) {
    ThreadPool pool(size);
    pool.run(many_trees(test::rounds(300)));
  }
}

/// Gathers in gathers, where the inner one or the outer one fails first, with a scope between them or not.
Task<> failing_in_order(bool inner_first, bool scope_between) {
  Event never;
  std::atomic<int> cancelled{0};
  const auto waits = [&]() -> Task<> {
    try {
      co_await never.wait();
    } catch (const Cancelled&) {
      ++cancelled;
      throw;
    }
  };
  const auto fails = [](int turns) -> Task<> {
    for (int i = 0; i < turns; ++i) co_await yield_now();
    throw std::runtime_error("failed");
  };
  const auto stubborn = [&](int turns) -> Task<> {  // keeps the inner gather alive for a while after its failure
    try {
      co_await never.wait();
    } catch (const Cancelled&) {
      ++cancelled;
    }
    const auto turn = [](int n) -> Task<> {
      for (int i = 0; i < n; ++i) co_await yield_now();
    };
    co_await shield(turn(turns));
  };
  const auto inner = [&]() -> Task<> { co_await gather(stubborn(6), fails(inner_first ? 1 : 4), waits()); };
  const auto middle = [&]() -> Task<> {
    if (scope_between) {
      CancelScope scope;
      co_await scope.run(inner);
    } else {
      co_await inner();
    }
  };
  bool failed = false;
  try {
    co_await gather(middle(), fails(inner_first ? 4 : 1), waits());
  } catch (const ExceptionGroup&) {
    failed = true;
  }
  EXPECT_TRUE(failed);
  EXPECT_EQ(cancelled, 3);
  EXPECT_FALSE(co_await test::checkpoint_throws());
}

TEST(Fork, AnInnerFailureBeforeAndAfterAnOuterOne) {
  everywhere([]() -> Task<> {
    for (int round = 0; round < test::rounds(200); ++round) {
      co_await failing_in_order(round & 1, round & 2);
    }
  });
}

/// Three gathers on one strand. The outermost fails; the innermost begins only then, as what cleans up; the one between
/// them fails while that is at it. Scopes that were put in the wrong order are freed in the wrong order, which shows
/// under AddressSanitizer.
Task<> cleaning_up_by_a_gather() {
  Event never, slow_began, cleaning, fail_between, fail_inside;
  std::atomic<int> failed{0};
  const auto until = [](Event& event) -> Task<> { co_await event.wait(); };
  const auto fails_at = [&](Event& event) -> Task<> {
    co_await shield(until(event));
    ++failed;
    throw std::runtime_error("failed");
  };
  const auto cleans = [&]() -> Task<> {
    cleaning.set();
    co_await fails_at(fail_inside);
  };
  const auto innermost = [&]() -> Task<> {
    try {
      co_await never.wait();
    } catch (const Cancelled&) {
    }
    co_await gather(cleans(), fails_at(fail_inside));
  };
  const auto slow = [&]() -> Task<> {
    slow_began.set();
    co_await fails_at(fail_between);
  };
  const auto between = [&]() -> Task<> {
    try {
      co_await gather(innermost(), slow());
    } catch (const ExceptionGroup&) {
    }
    EXPECT_TRUE(co_await test::checkpoint_throws());
  };
  const auto drives = [&]() -> Task<> {
    co_await cleaning.wait();
    fail_between.set();
    co_await test::turns(20);
    fail_inside.set();
  };
  const auto fails_first = [&]() -> Task<> { co_await fails_at(slow_began); };
  co_await with_task_group([&](TaskGroup& group) -> Task<> {
    group.spawn(drives());
    EXPECT_NE(co_await test::errors_of(gather(between(), fails_first())), "nothing");
  });
  EXPECT_EQ(failed, 4);
  EXPECT_FALSE(co_await test::checkpoint_throws());
}

TEST(Fork, AGatherThatCleansUpWhileThoseAroundItFail) {
  everywhere([]() -> Task<> {
    for (int round = 0; round < test::rounds(50); ++round) co_await cleaning_up_by_a_gather();
  });
}

TEST(Fork, ATimeoutInAChildEndsItAlone) {
  testing::VirtualTime time;
  everywhere([]() -> Task<> {
    for (int round = 0; round < 50; ++round) {
      Event never;
      const auto limited = [&]() -> Task<int> {
        auto inner = [&]() -> Task<> { co_await gather(never.wait(), never.wait()); };
        try {
          co_await timeout(1ms, inner());
        } catch (const TimeoutError&) {
          co_return 1;
        }
        co_return 0;
      };
      const auto sleeps = []() -> Task<int> {
        co_await sleep(2ms);
        co_return 2;
      };
      auto [a, b, c] = co_await gather(limited(), sleeps(), limited());
      EXPECT_EQ(a + b + c, 4);
    }
  });
}

TEST(Fork, AShieldInAChildHoldsOffTheFailureOfASibling) {
  everywhere([]() -> Task<> {
    for (int round = 0; round < test::rounds(100); ++round) {
      std::atomic<int> held{0};
      const auto turns = [&]() -> Task<> {
        for (int i = 0; i < 5; ++i) co_await yield_now();
        ++held;
      };
      const auto shielded = [&]() -> Task<> { co_await shield(turns()); };
      const auto fails = []() -> Task<> {
        co_await yield_now();
        throw std::runtime_error("failed");
      };
      bool failed = false;
      try {
        co_await gather(shielded(), fails(), shielded());
      } catch (const ExceptionGroup&) {
        failed = true;
      }
      EXPECT_TRUE(failed);
      EXPECT_EQ(held, 2);
    }
  });
}

// ---- Cancel from outside ----

TEST(Fork, ACancelAtAnyTimeEndsAllChildren) {
  for (const int size : {1, 2}) {
    ThreadPool pool(size);
    for (int round = 0; round < test::rounds(600); ++round) {
      std::atomic<int> alive{0};
      struct Alive {
        explicit Alive(std::atomic<int>& n) : n(n) { ++n; }
        Alive(const Alive&) = delete;
        Alive& operator=(const Alive&) = delete;
        ~Alive() { --n; }
        std::atomic<int>& n;
      };
      Event never;
      struct Nest {
        static Task<> call(int depth, Event& never, std::atomic<int>& alive, unsigned random) {
          Alive mark(alive);
          dawdle(random);
          if (depth == 0) {
            co_await never.wait();
          } else {
            co_await gather(call(depth - 1, never, alive, random / 3), call(depth - 1, never, alive, random / 5),
                            call(depth - 1, never, alive, random / 7));
          }
        }
      };
      Future<void> all =
          pool.start(Nest::call(3, never, alive, static_cast<unsigned>(round) * 7919), std::source_location::current());
      for (int i = 0; i < round % 97; ++i) detail::cpu_relax();
      if (round % 3 == 0) std::this_thread::yield();
      all.cancel();
      EXPECT_THROW(all.result(), Cancelled);
      EXPECT_EQ(alive, 0);
    }
  }
}

}  // namespace
}  // namespace plait
