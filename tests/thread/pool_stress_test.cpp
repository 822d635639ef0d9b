// SPDX-License-Identifier: BSL-1.0
// Nothing lost on a pool: random graphs of calls and tasks that submit, wait, cancel, throw, gather, lock and sleep, in
// virtual time, each with the outcomes that it may have. PLAIT_STRESS_OPERATIONS sets the length, PLAIT_STRESS_SEED
// repeats a run's choices.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

/// What a job may end with, and what it gives if it gives a value.
enum Outcome : int { kValue = 1, kError = 2, kCancelled = 4 };
struct Expected {
  int outcomes = kValue;
  long value = 0;
  /// A group in it: a child that merely sees a cancelled call ends by Cancelled, which fails no group.
  bool forgives = false;
};

/// One random graph on one pool. A plan is a function of a seed, made by `expect_…` without a pool and by `call` and
/// `task` on it: two readings of one text.
class Graph {
 public:
  Graph(unsigned seed, int size) : seed_(seed), pool_({.size = size}) {}

  void go(int roots) {
    std::mt19937 random(seed_);
    std::vector<Future<long>> futures;
    std::vector<unsigned> plans;
    std::vector<bool> cancelled, tasks;
    const bool shut_early = random() % 4 == 0, drop_queued = random() % 2 == 0;
    for (int i = 0; i < roots; ++i) {
      plans.push_back(random());
      tasks.push_back(random() % 2 == 0);
      cancelled.push_back(random() % 5 == 0);
      futures.push_back(tasks.back() ? pool_.start(task(plans.back(), 3), std::source_location::current())
                                     : pool_.submit([this, plan = plans.back()] { return call(plan, 3); }));
      for (unsigned spin = random() % 100; spin > 0; --spin) detail::cpu_relax();
      if (cancelled.back()) futures[random() % futures.size()].cancel();
    }
    // Anybody who had begun may be the one.
    const bool any_cancelled = std::find(cancelled.begin(), cancelled.end(), true) != cancelled.end();
    if (shut_early) pool_.shutdown({.wait = false, .cancel_futures = drop_queued});
    for (std::size_t i = 0; i < futures.size(); ++i) {
      Expected expected = tasks[i] ? expect_task(plans[i], 3) : expect_call(plans[i], 3);
      if (any_cancelled || (shut_early && drop_queued))
        expected.outcomes |= kCancelled | (expected.forgives ? kValue : 0);
      // What a call submits while the pool is shut down is refused, or dropped.
      if (shut_early || any_cancelled) expected.outcomes |= kError;
      check(futures[i], expected, i);
    }
    pool_.shutdown();  // a call that failed may have left the one that it had submitted behind
    EXPECT_EQ(begun_, ended_) << text();
    EXPECT_FALSE(task_lock_.locked() || call_lock_.locked()) << text();
    operations += begun_;
  }

  static inline std::atomic<long> operations{0};

 private:
  struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  struct Mark {
    explicit Mark(Graph& graph) : graph(graph) { ++graph.begun_; }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    ~Mark() { ++graph.ended_; }
    Graph& graph;
  };

  std::string text() const { return "PLAIT_STRESS_SEED=" + std::to_string(seed_); }

  void check(Future<long>& future, const Expected& expected, std::size_t i) {
    int outcome = 0;
    try {
      const long value = future.result();
      outcome = kValue;
      EXPECT_EQ(value, expected.value) << "root " << i << ", " << text();
    } catch (const Cancelled&) {
      outcome = kCancelled;
    } catch (const std::exception&) {  // a Failure, a group of them, a refusal
      outcome = kError;
    }
    EXPECT_TRUE(outcome & expected.outcomes)
        << "root " << i << " ended with " << outcome << " instead of " << expected.outcomes << ", " << text();
  }

  static unsigned sub(unsigned plan, unsigned n) {
    unsigned x = plan * 2654435761u + n * 40503u + 12345u;
    x ^= x >> 13;
    x *= 2246822519u;
    return x ^ (x >> 16);
  }

  // ---- Calls ----

  static Expected both(const Expected& a, const Expected& b) {
    // The wait for both is in order, so an error of either comes out.
    Expected all{.outcomes = 0, .value = a.value + b.value, .forgives = a.forgives || b.forgives};
    if (a.outcomes & b.outcomes & kValue) all.outcomes |= kValue;
    all.outcomes |= (a.outcomes | b.outcomes) & (kError | kCancelled);
    return all;
  }
  static Expected expect_call(unsigned plan, int depth) {
    const long own = plan % 100;
    if (depth == 0) return {.outcomes = plan % 13 == 0 ? kError : kValue, .value = own};
    switch (plan % 7) {
      case 0:
      case 1:
        return both(expect_call(sub(plan, 1), depth - 1), expect_call(sub(plan, 2), depth - 1));
      case 2:
        return expect_task(sub(plan, 1), depth - 1);
      default:
        return {.outcomes = plan % 13 == 0 ? kError : kValue, .value = own};
    }
  }
  long call(unsigned plan, int depth) {
    const Mark mark(*this);
    if (depth > 0) {
      switch (plan % 7) {
        case 0:
        case 1: {
          auto a = pool_.submit([this, plan, depth] { return call(sub(plan, 1), depth - 1); });
          auto b = pool_.submit([this, plan, depth] { return call(sub(plan, 2), depth - 1); });
          if (plan % 2 == 0) {
            const long first = a.result();
            return first + b.result();
          }
          const long second = b.result();
          return a.result() + second;
        }
        case 2:
          return pool_.run(task(sub(plan, 1), depth - 1));
        case 3: {
          const std::scoped_lock held(call_lock_);
          break;
        }
        case 4: {
          auto dropped = pool_.submit([this] { const Mark inner(*this); });
          dropped.cancel();
          break;
        }
        default:
          break;
      }
    }
    if (plan % 13 == 0) throw Failure("call");
    return plan % 100;
  }

  // ---- Tasks ----

  static Expected expect_task(unsigned plan, int depth) {
    const long own = plan % 100;
    if (depth == 0) return {.outcomes = plan % 17 == 0 ? kError : kValue, .value = own};
    switch (plan % 8) {
      case 0:
      case 1: {
        Expected all = both(expect_task(sub(plan, 1), depth - 1), expect_task(sub(plan, 2), depth - 1));
        return all;
      }
      case 2:
        return expect_call(sub(plan, 1), depth - 1);
      case 3: {
        Expected child = expect_task(sub(plan, 1), depth - 1);
        child.value = own;
        child.forgives = true;
        return child;
      }
      default:
        return {.outcomes = plan % 17 == 0 ? kError : kValue, .value = own};
    }
  }
  Task<long> task(unsigned plan, int depth) {
    const Mark mark(*this);
    if (depth > 0) {
      switch (plan % 8) {
        case 0:
        case 1: {
          auto [a, b] = co_await gather(task(sub(plan, 1), depth - 1), task(sub(plan, 2), depth - 1));
          co_return a + b;
        }
        case 2: {
          auto f = pool_.submit([this, plan, depth] { return call(sub(plan, 1), depth - 1); });
          co_return co_await std::move(f);
        }
        case 3:
          co_await with_task_group([this, plan, depth](TaskGroup& group) -> Task<> {
            group.spawn(ignore(task(sub(plan, 1), depth - 1)));
            co_await group.join();
          });
          co_return plan % 100;
        case 4: {
          auto held = co_await task_lock_.guard();
          co_await yield_now();
          break;
        }
        case 5:
          co_await sleep(std::chrono::microseconds(plan / 8 % 50));
          break;
        case 6: {
          bool late = false;
          try {
            co_await timeout(1us, sleep(1h));
          } catch (const TimeoutError&) {
            late = true;
          }
          EXPECT_TRUE(late) << text();
          break;
        }
        default:
          co_await yield_now();
          break;
      }
    }
    if (plan % 17 == 0) throw Failure("task");
    co_return plan % 100;
  }
  static Task<> ignore(Task<long> task) { co_await std::move(task); }

  const unsigned seed_;
  /// A task that waits its turn may hold the one, so no call, which has a worker for itself, may wait for that.
  Lock task_lock_, call_lock_;
  std::atomic<long> begun_{0}, ended_{0};
  ThreadPool pool_;
};

TEST(PoolStress, EveryJobEndsAsItMay) {
  testing::VirtualTime time;
  const long operations = test::stress_operations(20'000);
  unsigned seed = test::stress_seed();
  Graph::operations = 0;
  const test::Unretrieved failures_of_those_left_behind;
  for (; Graph::operations < operations && !::testing::Test::HasFailure(); ++seed) {
    Graph graph(seed, static_cast<int>(seed % 3 + 1));
    graph.go(12);
  }
}

TEST(PoolStress, StopsAndGoesOnWithTheProcess) {
  const pid_t self = ::getpid();
  std::atomic<bool> ended{false};
  ::pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 20; ++i) {
      ::kill(self, SIGSTOP);
      ::usleep(1000);
      ::kill(self, SIGCONT);
      ::usleep(1000);
    }
    ::_exit(0);
  }
  ThreadPool pool(2);
  std::thread watcher([&] {
    ::waitpid(child, nullptr, 0);
    ended = true;
  });
  const auto sleeps = [](int n) -> Task<> {
    for (int i = 0; i < 10; ++i) co_await sleep(std::chrono::microseconds(i * n));
  };
  long rounds = 0;
  while (!ended) {
    const auto all = [&]() -> Task<> { co_await gather(sleeps(1), sleeps(3), sleeps(7)); };
    pool.run(all());
    EXPECT_EQ(pool.submit([&] { return pool.submit([] { return 1; }).result() + 1; }).result(), 2);
    ++rounds;
  }
  watcher.join();
  EXPECT_GT(rounds, 0);
}

}  // namespace
}  // namespace plait
