// SPDX-License-Identifier: BSL-1.0
// Nothing lost: permits, locks and tokens taken in tasks of two loops and in threads, cancelled and timed out at
// random, and a count of who is inside. PLAIT_STRESS_OPERATIONS sets the length, PLAIT_STRESS_SEED repeats a run's
// choices.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/stress.hpp"

namespace plait {
namespace {

/// Takes and gives back `Primitive` as often as is left to do, never more than `most` at once.
template <class Primitive>
struct Stress {
  Primitive& primitive;
  const int most;
  std::atomic<long> left;
  std::atomic<long> taken{0}, given_up{0};
  std::atomic<int> inside{0};
  std::atomic<bool> too_many{false};

  Stress(Primitive& p, int n, long operations) : primitive(p), most(n), left(operations) {}

  void enter() {
    if (++inside > most) too_many = true;
    ++taken;
  }
  void leave() { --inside; }

  Task<> hold(int turns) {
    auto guard = co_await primitive.guard();
    enter();
    try {
      for (int i = 0; i < turns; ++i) co_await yield_now();
    } catch (const Cancelled&) {
      leave();
      throw;
    }
    leave();
  }

  Task<> take_often(std::mt19937 random) {
    while (left.fetch_sub(1) > 0) {
      const unsigned choice = random();
      const int turns = static_cast<int>(choice / 16 % 3);
      try {
        if (choice % 4 == 0) {
          co_await timeout(std::chrono::microseconds(choice / 64 % 50), hold(turns));
        } else if (choice % 4 == 1) {
          auto f = spawn(hold(turns));
          for (unsigned i = 0; i < choice / 64 % 4; ++i) co_await yield_now();
          f.cancel();
          co_await f;
        } else if (choice % 4 == 2) {
          co_await race(hold(turns), hold(0));
        } else {
          co_await hold(turns);
        }
      } catch (const Cancelled&) {
        ++given_up;
      } catch (const TimeoutError&) {
        ++given_up;
      }
    }
  }

  void take_often_in_thread() {
    while (left.fetch_sub(1) > 0) {
      auto guard = sync_wait(primitive.guard());
      enter();
      leave();
    }
  }
  /// A thread that is cancelled wherever it is; others take its place.
  void cancel_threads(std::mt19937 random) {
    while (left > 0) {
      auto f = spawn_thread([this] { take_often_in_thread(); });
      for (unsigned i = random() % 2000; i > 0; --i) detail::cpu_relax();
      f.cancel();
      try {
        f.result();
      } catch (const Cancelled&) {
        ++given_up;
      }
    }
  }

  void go(const char* name, unsigned seed) {
    const auto loop = [this](unsigned s) {
      run([this, s]() -> Task<> {
        std::vector<Task<>> tasks;
        for (unsigned i = 0; i < 4; ++i) tasks.push_back(take_often(std::mt19937(s + i)));
        co_await gather(std::move(tasks));
      });
    };
    std::thread strands[] = {std::thread(loop, seed * 100), std::thread(loop, seed * 100 + 50),
                             std::thread([this] { take_often_in_thread(); }),
                             std::thread([this, seed] { cancel_threads(std::mt19937(seed)); })};
    for (std::thread& t : strands) t.join();
    std::printf("%s: seed %u, %ld taken, %ld cancelled or timed out\n", name, seed, taken.load(), given_up.load());
    EXPECT_FALSE(too_many) << "more were inside than it admits";
    EXPECT_EQ(inside, 0);
  }
};

template <class Primitive>
void stress(const char* name, Primitive& primitive, int most) {
  const long operations = test::stress_operations(40'000) / 4;
  Stress<Primitive> stress(primitive, most, operations);
  stress.go(name, test::stress_seed());
}

TEST(PermitStress, LosesNoPermitOfASemaphore) {
  Semaphore semaphore(3);
  stress("Semaphore(3)", semaphore, 3);
  EXPECT_EQ(semaphore.value(), 3);
}
TEST(PermitStress, LosesNoPermitOfABoundedSemaphore) {
  BoundedSemaphore semaphore(1);
  stress("BoundedSemaphore(1)", semaphore, 1);
  EXPECT_EQ(semaphore.value(), 1);
}
TEST(PermitStress, NeverLeavesALockLocked) {
  Lock lock;
  stress("Lock", lock, 1);
  EXPECT_FALSE(lock.locked());
}
TEST(PermitStress, LosesNoTokenOfALimiter) {
  CapacityLimiter limiter(2);
  stress("CapacityLimiter(2)", limiter, 2);
  EXPECT_EQ(limiter.borrowed_tokens(), 0);
}

}  // namespace
}  // namespace plait
