// SPDX-License-Identifier: BSL-1.0
#include "plait/process/family.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/process/shared_array.hpp"
#include "plait/process/shared_event.hpp"
#include "plait/process/shared_lock.hpp"
#include "plait/process/shared_value.hpp"
#include "support/build.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using detail::Family;
using test::Forked;

TEST(Family, GivesEachProcessASlotUntilItEnds) {
  PLAIT_TEST_NEEDS_FORK();
  const detail::ProcessSlot mine = Family::self();
  EXPECT_NE(mine, 0u);
  EXPECT_EQ(Family::self(), mine);
  EXPECT_TRUE(Family::instance().is_alive(mine));
  EXPECT_FALSE(Family::instance().is_alive(0));
  shared::Value<std::atomic<detail::ProcessSlot>> its;
  Forked child([&] {
    *its = Family::self();
    Forked::wait_for_ever();
  });
  test::until([&] { return *its != 0; });
  EXPECT_NE(*its, mine);
  EXPECT_TRUE(Family::instance().is_alive(*its));
  child.kill();
  EXPECT_FALSE(Family::instance().is_alive(*its));
}

TEST(Family, TellsAnExecFromALife) {  // the hidden thread dies with the old program
  PLAIT_TEST_NEEDS_FORK();
  shared::Value<std::atomic<detail::ProcessSlot>> its;
  Forked child([&] {
    *its = Family::self();
    ::execl("/bin/sleep", "sleep", "60", nullptr);
  });
  test::until([&] { return *its != 0 && !Family::instance().is_alive(*its); });
  child.kill();
}

TEST(Family, UsesSlotsAgain_AsSomebodyElse) {
  PLAIT_TEST_NEEDS_FORK();
  const int n = test::rounds(50);
  shared::Array<std::atomic<detail::ProcessSlot>> slots(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    Forked child([&] { slots[static_cast<std::size_t>(i)] = Family::self(); });
    EXPECT_TRUE(child.ends_well());
    EXPECT_FALSE(Family::instance().is_alive(slots[static_cast<std::size_t>(i)]));
  }
}

TEST(Family, IsAdoptedBeforeAnythingIsShared) {
  os::Fd descriptor = Family::instance().descriptor();
  Family::adopt(Family::instance().descriptor());  // it has it already
  EXPECT_THROW(Family::adopt(os::MemoryFile::create("other", 4096).duplicate()), std::logic_error);
}

TEST(SharedObject, GoesWithItsLastUser_HoweverItsMakerEnds) {
  Family::self();  // is made and kept
  const std::size_t before = test::open_descriptors();
  {
    shared::Value<std::atomic<int>> step;
    Forked user([&] { *step = 1; });
    EXPECT_TRUE(user.ends_well());  // a mere user's end takes nothing from us
    EXPECT_EQ(*step, 1);
    EXPECT_EQ(test::open_descriptors(), before + 1);
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

/// Bytes of all memory files of the system.
long shared_memory_in_kilobytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;) {
    long value = 0;
    if (word == "Shmem:" && file >> value) return value;
  }
  return -1;
}

TEST(SharedObject, LeavesNoMemory_WhenItsMakerIsKilled) {
  PLAIT_TEST_NEEDS_FORK();
  const long before = shared_memory_in_kilobytes();
  constexpr long kSize = 64 * 1024;
  shared::Value<std::atomic<int>> made;
  Forked maker([&] {
    shared::Memory memory(kSize * 1024);
    std::ranges::fill(memory.bytes(), std::byte{1});
    *made = 1;
    Forked::wait_for_ever();
  });
  test::until([&] { return *made == 1; });
  EXPECT_GT(shared_memory_in_kilobytes(), before + kSize / 2);
  maker.kill();
  test::until([&] { return shared_memory_in_kilobytes() < before + kSize / 2; });
}

TEST(SharedWatch, SleepsForMoreWordsThanOneThreadCan) {
  std::vector<shared::Event> events(200);
  shared::Value<std::atomic<int>> ready;
  Forked setter([&] {
    test::until([&] { return *ready == 1; });
    for (const shared::Event& event : events) event.set();
  });
  run([&]() -> Task<> {
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      for (const shared::Event& event : events) {
        const auto wait = [&event]() -> Task<> { co_await event.wait(); };
        group.spawn(wait);
      }
      co_await test::turns(3);
      *ready = 1;
      co_await group.join();
    });
  });
  EXPECT_TRUE(setter.ends_well());
}

/// Holders are killed again and again; nobody hangs, and what the Lock protects is never found half changed without
/// being told so.
TEST(SharedLock, ProtectsWhatItProtects_WhenItsHoldersAreKilled) {
  PLAIT_TEST_NEEDS_FORK();
  const long kills = test::from_environment("PLAIT_SHARED_KILLS", test::rounds(100));
  std::mt19937 random(test::stress_seed());
  struct Pair {
    long a, b;
  };
  shared::Lock lock;
  shared::Value<Pair> pair;
  shared::Value<std::atomic<long>> unequal, recovered, rounds;
  const auto work = [=] {
    for (;;) {
      try {
        lock.lock();
      } catch (const OwnerDied&) {
        if (!lock.recover()) continue;
        ++*recovered;
        pair->b = pair->a;
      }
      if (pair->a != pair->b) ++*unequal;
      ++pair->a;
      for (int i = 0; i < 50; ++i) detail::cpu_relax();
      ++pair->b;
      ++*rounds;
      lock.unlock();
    }
  };
  std::vector<Forked> workers;
  for (int i = 0; i < 3; ++i) workers.emplace_back(work);
  for (long i = 0; i < kills; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    Forked& victim = workers[random() % workers.size()];
    victim.kill();
    Forked fresh(work);
    std::swap(victim, fresh);
  }
  const long seen = *rounds;
  test::until([&] { return *rounds > seen + 10; });  // it goes on
  workers.clear();
  EXPECT_EQ(*unequal, 0);
  EXPECT_GT(*recovered, 0);
}

}  // namespace
}  // namespace plait
