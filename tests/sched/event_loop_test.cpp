// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/event_loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using detail::EventLoop;
using detail::Nursery;
using detail::Work;
using test::rounds;
using test::turns;

/// A poller that counts what a loop asks of it.
class CountingPoller final : public detail::Poller {
 public:
  CountingPoller() : inner_(detail::make_poller("epoll")) {}
  std::string_view name() const noexcept override { return "counting"; }
  bool waits_for_files() const noexcept override { return inner_->waits_for_files(); }
  void enter() override { inner_->enter(); }
  bool start(detail::IoOperation& o) noexcept override { return inner_->start(o); }
  bool abort(detail::IoOperation& o) noexcept override { return inner_->abort(o); }
  void forget(int fd) noexcept override { inner_->forget(fd); }
  std::size_t in_flight() const noexcept override { return inner_->in_flight(); }
  void wait(TimePoint deadline) noexcept override {
    ++waits;
    inner_->wait(deadline);
    while (held) std::this_thread::yield();
  }
  void wake() noexcept override {
    ++wakes;
    inner_->wake();
  }

  std::atomic<int> waits{0}, wakes{0};
  /// The loop stays in its wait.
  std::atomic<bool> held{false};

 private:
  std::unique_ptr<Poller> inner_;
};

/// A loop that the test drives itself.
struct Driven {
  CountingPoller* poller = new CountingPoller;
  EventLoop loop{std::unique_ptr<detail::Poller>(poller)};
  Nursery spawned;
  bool done = false;

  struct Stop : Work {
    bool* done;
  } stop;

  Driven() {
    stop.done = &done;
    stop.run = [](Work& w) { *static_cast<Stop&>(w).done = true; };
    loop.enter(spawned);
  }
  void drive() {
    loop.drive(done);
    while (!loop.close()) {
    }
    loop.leave();
  }
};

TEST(EventLoop, IsNotStarvedByACallbackThatPostsItselfForEver) {  // behaviour 50
  struct Reposting : Work {
    EventLoop* loop;
    std::atomic<bool> stop{false};
  };
  Reposting work;
  int checkpoints = 0;
  run([&]() -> Task<> {
    work.loop = EventLoop::current();
    work.run = [](Work& w) {
      auto& self = static_cast<Reposting&>(w);
      if (!self.stop) self.loop->post(self);
    };
    work.loop->post(work);
    for (; checkpoints < 20; ++checkpoints) co_await yield_now();
    work.stop = true;
    co_await turns(3);
  });
  EXPECT_EQ(checkpoints, 20);
}

TEST(EventLoop, ServesTimersAlthoughATaskYieldsForEver) {
  run([]() -> Task<> {
    bool stop = false;
    Future<void> busy = spawn([&]() -> Task<> {
      while (!stop) co_await yield_now();
    });
    co_await sleep(2ms);
    stop = true;
    co_await busy;
  });
}

TEST(EventLoop, LetsOthersRunAfterTwoHundredAndFiftySixCompletionsWithoutSuspension) {
  run([]() -> Task<> {
    Lock lock;
    int other = 0;
    Future<void> counter = spawn([&]() -> Task<> {
      while (other < 1000) {
        ++other;
        co_await yield_now();
      }
    });
    for (int i = 0; i < 4 * 256; ++i) {
      co_await lock.acquire();
      lock.release();
    }
    EXPECT_EQ(other, 4);
    counter.cancel();
    co_await turns(2);
  });
}

struct Numbered : Work {
  int producer = 0, number = 0;
  std::vector<std::vector<int>>* seen = nullptr;
};

TEST(EventLoop, TakesPostsOfFourThreadsInTheOrderOfEachAndLosesNone) {
  constexpr int kProducers = 4;
  const int n = rounds(50'000);
  Driven driven;
  std::vector<std::vector<int>> seen(kProducers);
  std::vector<std::vector<Numbered>> works(kProducers, std::vector<Numbered>(static_cast<std::size_t>(n)));
  std::vector<std::thread> producers;
  std::atomic<int> live{kProducers};
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < n; ++i) {
        Numbered& work = works[static_cast<std::size_t>(p)][static_cast<std::size_t>(i)];
        work.producer = p;
        work.number = i;
        work.seen = &seen;
        work.run = [](Work& w) {
          auto& self = static_cast<Numbered&>(w);
          (*self.seen)[static_cast<std::size_t>(self.producer)].push_back(self.number);
        };
        driven.loop.post(work);
        if (i % 1000 == 0) std::this_thread::yield();  // so that the loop goes to sleep now and then
      }
      if (--live == 0) driven.loop.post(driven.stop);
    });
  }
  driven.drive();
  for (std::thread& t : producers) t.join();
  for (const auto& numbers : seen) {
    ASSERT_EQ(numbers.size(), static_cast<std::size_t>(n));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  }
}

TEST(EventLoop, IsWokenOnceByAnyNumberOfPosts) {
  Driven driven;
  std::vector<Work> works(100);
  for (Work& w : works) w.run = [](Work&) {};
  driven.poller->held = true;
  std::thread poster([&] {
    while (driven.poller->waits == 0) std::this_thread::yield();
    for (Work& w : works) driven.loop.post(w);
    driven.loop.post(driven.stop);
    driven.poller->held = false;
  });
  driven.drive();
  poster.join();
  EXPECT_EQ(driven.poller->wakes, 1);
}

TEST(EventLoop, IsNotWokenWhileItIsIdle) {
  Driven driven;
  std::thread poster([&] {
    std::this_thread::sleep_for(50ms);
    driven.loop.post(driven.stop);
  });
  driven.drive();
  poster.join();
  EXPECT_EQ(driven.poller->waits, 1);
  EXPECT_EQ(driven.poller->wakes, 1);
}

TEST(EventLoop, LosesNoWakeUpWhenItGoesToSleepJustThen) {
  // Ping-pong: each side sleeps until the other answers; a lost wake-up would hang.
  const int n = rounds(20'000);
  Lock a, b;
  a.lock();
  b.lock();
  std::thread thread([&] {
    for (int i = 0; i < n; ++i) {
      a.lock();
      b.unlock();
    }
  });
  run([&]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      a.release();
      co_await b.acquire();
    }
  });
  thread.join();
  a.unlock();
  b.unlock();
}

TEST(Run, GivesTheValueOrThrowsTheException) {
  EXPECT_EQ(run([]() -> Task<int> { co_return 4; }), 4);
  EXPECT_THROW(run([]() -> Task<> {
                 throw 1;
                 co_return;
               }),
               int);
}

TEST(Run, IsRefusedInsideARun) {
  run([]() -> Task<> {
    EXPECT_THROW(run([]() -> Task<> { co_return; }), std::logic_error);
    co_await yield_now();  // and nothing broke
  });
}

TEST(Run, RefusesAnUnknownPoller) {
  EXPECT_THROW(run(turns(1), {.poller = "kqueue"}), std::invalid_argument);
  run(turns(1));
}

TEST(Run, RunsOneLoopInEachOfSeveralThreads) {
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < rounds(100); ++i) {
        sum += run([]() -> Task<int> {
          Future<void> f = spawn(turns(3));
          co_await sleep(10us);
          co_await f;
          co_return 1;
        });
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(sum, 4 * rounds(100));
}

TEST(Run, CancelsAndAwaitsWhatSpawnLeftAndReportsItsErrors) {  // behaviour 41
  test::Unretrieved unretrieved;
  bool cleaned = false;
  const int value = run([&]() -> Task<int> {
    auto hanging = [&]() -> Task<> {
      try {
        co_await sleep(1000h);
      } catch (const Cancelled&) {
      }
      cleaned = true;
      throw std::runtime_error("in clean-up");
    };
    {
      auto f = spawn(hanging, {.name = "left"});
    }
    auto kept = spawn([]() -> Task<> { co_await sleep(1000h); });
    co_await turns(2);
    co_return 7;
  });
  EXPECT_EQ(value, 7);
  EXPECT_TRUE(cleaned);
  ASSERT_EQ(unretrieved.seen(), std::vector<std::string>{"std::runtime_error: in clean-up"});
  EXPECT_EQ(unretrieved.errors()[0].name, "left");
}

TEST(Run, AwaitsWhatIsSpawnedWhileItEnds) {
  int ended = 0;
  // Out here, as it must outlive the main task, whose locals die before what it left is cancelled.
  auto child = [&]() -> Task<> {
    try {
      co_await sleep(1000h);
    } catch (const Cancelled&) {
    }
    ++ended;
  };
  run([&]() -> Task<> {
    auto f = spawn([&]() -> Task<> {
      try {
        co_await sleep(1000h);
      } catch (const Cancelled&) {
        auto late = spawn(child());
      }
      ++ended;
    });
    co_await turns(2);
  });
  EXPECT_EQ(ended, 2);
}

TEST(Run, TakesInACancelThatIsOnItsWayWhenItEnds) {
  // The message of a cancel from another thread holds the state: it must arrive before the loop goes.
  static std::atomic<int> live;
  struct Tracked {
    Tracked() { ++live; }
    Tracked(Tracked&&) noexcept { ++live; }
    ~Tracked() { --live; }
  };
  live = 0;
  for (int i = 0; i < rounds(2000); ++i) {
    std::atomic<bool> go{false};
    Future<Tracked> f;
    std::thread canceller;
    run([&]() -> Task<> {
      f = spawn([]() -> Task<Tracked> { co_return Tracked{}; });
      canceller = std::thread([&] {
        while (!go) detail::cpu_relax();
        f.cancel();
      });
      go = true;
      for (int k = 0; k < i % 4; ++k) co_await yield_now();
    });
    canceller.join();
    {
      Future<Tracked> dropped = std::move(f);
    }
    ASSERT_EQ(live, 0) << "run " << i;
  }
}

TEST(Spawn, IsRefusedWithoutALoop) {
  EXPECT_THROW((void)spawn(turns(1)), std::logic_error);
  try {
    (void)spawn(turns(1));
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("no event loop runs on this thread"), std::string::npos);
  }
}

TEST(Spawn, StartsTasksInTheOrderOfTheirSpawning) {
  std::string log;
  run([&]() -> Task<> {
    const auto mark = [&](char c) -> Task<> {
      log.push_back(c);
      co_return;
    };
    std::vector<Future<void>> futures;
    for (char c = 'a'; c <= 'e'; ++c) futures.push_back(spawn(mark, c));
    EXPECT_EQ(log, "");
    co_await futures.back();
  });
  EXPECT_EQ(log, "abcde");
}

TEST(Spawn, KeepsACallableAndItsArgumentsAsLongAsTheCoroutine) {
  run([]() -> Task<> {
    auto text = std::make_shared<std::string>("kept");
    auto f = [text](std::string more) -> Task<std::string> {
      co_await yield_now();
      co_return *text + more;
    };
    Future<std::string> future = spawn(f, "!");
    text.reset();
    EXPECT_EQ(co_await future, "kept!");
  });
}

TEST(SyncWait, WaitsForAnythingFromAThread) {
  Lock lock;
  EXPECT_EQ(sync_wait([]() -> Task<int> { co_return 1; }()), 1);
  sync_wait(sleep(1us));
  sync_wait(yield_now());
  sync_wait(lock.acquire());
  lock.release();
  {
    auto guard = sync_wait(lock.guard());
  }
  auto [a, b] = sync_wait(gather([]() -> Task<int> { co_return 1; }(), sleep(1us)));
  EXPECT_EQ(a, 1);
  Promise<int> promise;
  Future<int> future = promise.future();
  promise.set_value(9);
  EXPECT_EQ(sync_wait(future), 9);
  static_assert(std::is_same_v<decltype(sync_wait(future)), const int&>);
  EXPECT_EQ(sync_wait(std::move(future)), 9);
}

TEST(SyncWait, IsRefusedOnALoopWhateverItWaitsFor) {
  run([]() -> Task<> {
    Lock lock;
    Future<void> f = spawn(turns(1));
    EXPECT_THROW(sync_wait(turns(1)), std::logic_error);
    EXPECT_THROW(sync_wait(sleep(1us)), std::logic_error);
    EXPECT_THROW(sync_wait(yield_now()), std::logic_error);
    EXPECT_THROW(sync_wait(lock.acquire()), std::logic_error);
    EXPECT_THROW(sync_wait(f), std::logic_error);
    EXPECT_THROW(sleep_for(1us), std::logic_error);
    co_return;
  });
}

TEST(Sleep, IsNeverEarlyInRealTime) {
  run([]() -> Task<> {
    for (const Duration span : {Duration(1), Duration(1us), Duration(333us), Duration(1ms), Duration(2500us)}) {
      const auto start = std::chrono::steady_clock::now();
      co_await sleep(span);
      EXPECT_GE(std::chrono::steady_clock::now() - start, span);
    }
    const auto one = [](int i) -> Task<> {
      const auto start = std::chrono::steady_clock::now();
      co_await sleep(i * 10us);
      EXPECT_GE(std::chrono::steady_clock::now() - start, i * 10us);
    };
    std::vector<Task<>> many;
    for (int i = 0; i < 1000; ++i) many.push_back(one(i));
    co_await gather(std::move(many));
  });
  const auto start = std::chrono::steady_clock::now();
  sleep_for(1500us);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 1500us);
}

TEST(Sleep, RefusesNotANumberAndSaturatesHugeSpans) {
  EXPECT_THROW((void)sleep(std::chrono::duration<double>(NAN)), std::logic_error);
  run([]() -> Task<> {
    const auto forever = []<class D>(D span) -> Task<> { co_await sleep(span); };
    using Years = std::chrono::duration<std::int64_t, std::ratio<31'556'952>>;
    using Unsigned = std::chrono::duration<std::uint64_t>;
    Future<void> sleepers[] = {spawn(forever, std::chrono::duration<double>(INFINITY)),
                               spawn(forever, Years::max()),
                               spawn(forever, std::chrono::hours::max()),
                               spawn(forever, Duration::max()),
                               spawn(forever, Unsigned::max()),
                               spawn(forever, std::chrono::duration<std::uint64_t, std::nano>::max())};
    co_await sleep(1ms);
    for (Future<void>& f : sleepers) EXPECT_FALSE(f.done());
    for (Future<void>& f : sleepers) f.cancel();
    for (Future<void>& f : sleepers) EXPECT_THROW(co_await f, Cancelled);
  });
}

TEST(Sleep, OfZeroOrLessYieldsOnce) {
  run([]() -> Task<> {
    int other = 0;
    Future<void> f = spawn([&]() -> Task<> {
      ++other;
      co_return;
    });
    co_await sleep(-1h);
    EXPECT_EQ(other, 1);
    co_await sleep(std::chrono::duration<double>(-INFINITY));
    co_await sleep_until(TimePoint{});
  });
}

}  // namespace
}  // namespace plait
