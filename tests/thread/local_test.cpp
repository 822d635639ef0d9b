// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/local.hpp"

#include <gtest/gtest.h>

#include <any>
#include <atomic>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/child_process.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;

/// Counts the live ones; atomic, because they die on any thread.
struct Counted {
  static inline std::atomic<int> live{0};
  int n = 0;
  Counted() { ++live; }
  Counted(const Counted& other) : n(other.n) { ++live; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --live; }
};

template <class F>
void in_thread(F f) {
  Thread thread(f);
  thread.start();
  thread.join();
}

TEST(Local, GivesEachThreadAValueOfItsOwn) {
  Local<int> local;
  EXPECT_FALSE(local.has_value());
  EXPECT_EQ(*local, 0);
  EXPECT_TRUE(local.has_value());
  *local = 1;
  in_thread([&] {
    EXPECT_FALSE(local.has_value());
    EXPECT_EQ(*local, 0);
    *local = 2;
    EXPECT_EQ(*local, 2);
  });
  std::thread([&] { EXPECT_EQ(local.get(), 0); }).join();
  EXPECT_EQ(*local, 1);
  EXPECT_EQ(&local.get(), &*local);
}

TEST(Local, BeginsWithACopyOfItsInitialValue) {
  std::string text = "begin";
  Local<std::string> local(text);
  text = "other";
  *local += "!";
  EXPECT_EQ(local->size(), 6u);
  in_thread([&] { EXPECT_EQ(*local, "begin"); });
}

TEST(Local, BeginsWithWhatTheFactoryGivesOnThatThread) {
  std::atomic<int> calls{0};
  Local<std::unique_ptr<int>> local([&calls] { return std::make_unique<int>(++calls); });
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(**local, 1);
  EXPECT_EQ(**local, 1);
  in_thread([&] { EXPECT_EQ(**local, 2); });
  EXPECT_EQ(calls, 2);
  Local<std::uint64_t> ident([] { return current_thread().ident(); });
  in_thread([&] { EXPECT_EQ(*ident, current_thread().ident()); });
}

TEST(Local, TellsAFactoryFromAnInitialValue) {
  Local<bool> made([] { return false; });  // which converts to true, as a pointer
  EXPECT_FALSE(*made);
  Local<std::function<int()>> kept([] { return 7; });
  EXPECT_EQ((*kept)(), 7);
  Local<std::atomic<int>> immovable;
  ++*immovable;
  EXPECT_EQ(immovable->load(), 1);
}

TEST(Local, CallsAFactoryAgainThatThrew) {
  int calls = 0;
  Local<int> local([&calls] {
    if (++calls == 1) throw std::runtime_error("no");
    return calls;
  });
  EXPECT_THROW(local.get(), std::runtime_error);
  EXPECT_FALSE(local.has_value());
  EXPECT_EQ(*local, 2);
}

TEST(Local, DestroysAValueAtTheEndOfItsThread) {
  Local<Counted> local;
  local.get();
  in_thread([&] { local->n = 1; });
  EXPECT_EQ(Counted::live, 1);
  std::thread([&] { local->n = 2; }).join();
  EXPECT_EQ(Counted::live, 1);
  run([&]() -> Task<> {
    Thread thread([&] { local->n = 3; });
    thread.start();
    co_await thread;
    EXPECT_EQ(Counted::live, 1);
  });
}

TEST(Local, DestroysTheValuesOfLivingThreadsWhenItDies) {
  std::binary_semaphore made(0), gone(0), checked(0);
  auto local = std::make_unique<Local<Counted>>();
  local->get();
  Thread thread([&] {
    (*local)->n = 1;
    made.release();
    gone.acquire();
    Local<Counted> next;  // at the place of the one that is gone
    EXPECT_FALSE(next.has_value());
    EXPECT_EQ(next->n, 0);
    EXPECT_EQ(Counted::live, 1);
    checked.release();
  });
  thread.start();
  made.acquire();
  EXPECT_EQ(Counted::live, 2);
  local.reset();
  EXPECT_EQ(Counted::live, 0);
  gone.release();
  checked.acquire();
  thread.join();
  EXPECT_EQ(Counted::live, 0);
}

TEST(Local, ResetsTheValueOfTheCallingThreadAlone) {
  Local<Counted> local;
  local->n = 1;
  in_thread([&] {
    local.reset();  // nothing yet
    local->n = 2;
    local.reset();
    EXPECT_FALSE(local.has_value());
    EXPECT_EQ(local->n, 0);
  });
  EXPECT_EQ(local->n, 1);
  EXPECT_EQ(Counted::live, 1);
}

TEST(Local, DestroysTheValuesOfOneThreadInReverse) {
  std::string order;
  struct Writes {
    std::string* to;
    char mark;
    ~Writes() { *to += mark; }
  };
  const auto local = [&](char mark) {
    return std::make_unique<Local<std::unique_ptr<Writes>>>(
        [&order, mark] { return std::unique_ptr<Writes>(new Writes{&order, mark}); });
  };
  const auto a = local('a'), b = local('b'), c = local('c');
  in_thread([&] {
    b->get();
    a->get();
    c->get();
  });
  EXPECT_EQ(order, "cab");
}

TEST(Local, MayBeUsedInDestructorsOfThreadLocalObjects) {
  static std::atomic<int> seen;
  seen = 0;
  static Local<Counted>* local;
  Local<Counted> held;
  local = &held;
  struct Uses {
    ~Uses() {
      seen += (*local)->n;
      (*local)->n = 0;
    }
    int touched = 0;
  };
  const auto body = [] {
    thread_local Uses before;
    before.touched = 1;
    (*local)->n = 5;
    thread_local Uses after;  // is destroyed first and sees the value; the other one makes one anew
    after.touched = 1;
  };
  in_thread(body);
  EXPECT_EQ(seen, 5);
  EXPECT_EQ(Counted::live, 0);
  std::thread(body).join();
  EXPECT_EQ(seen, 10);
  EXPECT_EQ(Counted::live, 0);
}

TEST(Local, IsStillFoundByTheDestructorOfItsValue) {
  struct Self {
    Local<Self>** local = nullptr;
    int n = 0;
    ~Self() {
      if (!local) return;
      EXPECT_EQ(&(*local)->get(), this);
    }
  };
  Local<Self> held;
  Local<Self>* pointer = &held;
  in_thread([&] {
    held->local = &pointer;
    held.reset();
    held->local = &pointer;
  });
}

TEST(Local, MayUseAnotherLocalInADestructor) {
  Local<Counted> other;
  struct Uses {
    Local<Counted>* other = nullptr;
    ~Uses() {
      if (other) ++(*other)->n;
    }
  };
  Local<Uses> local;
  in_thread([&] {
    local->other = &other;
    other.get();  // made later, so gone earlier; made once more
  });
  EXPECT_EQ(Counted::live, 0);
}

TEST(Local, MayDieByTheDestructorOfItsOwnValue) {
  struct Owner {
    std::shared_ptr<Local<Owner>> local;
  };
  auto local = std::make_shared<Local<Owner>>();
  std::weak_ptr<Local<Owner>> watched = local;
  in_thread([&] {
    Local<Owner>& l = *local;
    l->local = std::move(local);
  });
  EXPECT_TRUE(watched.expired());
}

TEST(Local, WaitsForAValueThatItsThreadIsJustDestroying) {
  testing::VirtualTime time;
  static std::atomic<bool> destroyed, destroying;
  destroyed = destroying = false;
  struct Slow {
    ~Slow() {
      destroying = true;
      sleep_for(5s);
      destroyed = true;
    }
    int touched = 0;
  };
  std::optional<Local<Slow>> local;
  local.emplace();
  Thread thread([&] { (*local)->touched = 1; });
  thread.start();
  while (!destroying) std::this_thread::yield();
  local.reset();
  EXPECT_TRUE(destroyed);
  EXPECT_EQ(time.elapsed(), 5s);
  thread.join();
}

TEST(Local, MayDieWhileThreadsEnd) {
  for (int round = 0; round < rounds(500); ++round) {
    auto local = std::make_unique<Local<Counted>>();
    std::atomic<int> ready{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        (*local)->n = 1;
        ++ready;
      });
    }
    while (ready != 3) std::this_thread::yield();
    local.reset();
    EXPECT_EQ(Counted::live, 0);
    for (std::thread& t : threads) t.join();
  }
}

TEST(Local, ServesManyLocalsAndManyThreads) {
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<Local<Counted>>> shared;
  for (int i = 0; i < 40; ++i) shared.push_back(std::make_unique<Local<Counted>>());
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < rounds(200); ++round) {
        std::vector<std::unique_ptr<Local<Counted>>> own;
        for (int i = 0; i < 20; ++i) {
          own.push_back(std::make_unique<Local<Counted>>());
          (*own.back())->n = i;
          (*shared[static_cast<std::size_t>(2 * i)])->n += t;
        }
        for (int i = 0; i < 20; ++i) EXPECT_EQ((*own[static_cast<std::size_t>(i)])->n, i);
      }
      EXPECT_EQ((*shared[0])->n, t * rounds(200));
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(Counted::live, 0);
}

TEST(Local, HasInAForkedChildTheValuesOfTheForkingThread) {
  Local<int> local(1);
  *local = 2;
  EXPECT_TRUE(test::in_forked_child([&] {
    bool fresh = test::kSanitized;  // ThreadSanitizer starts no threads after the fork of a program with several
    if (!fresh) std::thread([&] { fresh = *local == 1; }).join();
    return fresh && *local == 2;
  }));
}

}  // namespace
}  // namespace plait
