// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/work_deque.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "support/build.hpp"

namespace plait::detail {
namespace {

/// A piece of work that counts how often it was taken.
struct Piece : Work {
  std::atomic<int> taken{0};
};

void take(Work* work) { ++static_cast<Piece*>(work)->taken; }

TEST(WorkDeque, GivesItsOwnerTheNewestAndThievesTheOldest) {
  WorkDeque deque;
  Piece pieces[4];
  EXPECT_TRUE(deque.empty());
  EXPECT_EQ(deque.pop(), nullptr);
  EXPECT_EQ(deque.steal(), nullptr);
  for (Piece& piece : pieces) ASSERT_TRUE(deque.push(piece));
  EXPECT_EQ(deque.pop(), &pieces[3]);
  EXPECT_EQ(deque.steal(), &pieces[0]);
  EXPECT_EQ(deque.steal(), &pieces[1]);
  EXPECT_FALSE(deque.empty());
  EXPECT_EQ(deque.pop(), &pieces[2]);
  EXPECT_TRUE(deque.empty());
  EXPECT_EQ(deque.pop(), nullptr);
  ASSERT_TRUE(deque.push(pieces[0]));  // as good as new
  EXPECT_EQ(deque.steal(), &pieces[0]);
  EXPECT_EQ(deque.steal(), nullptr);
}

TEST(WorkDeque, APatientThiefTakesASinglePieceThatStays) {
  WorkDeque deque;
  Piece pieces[3];
  EXPECT_EQ(deque.steal_patiently(), nullptr);
  for (Piece& piece : pieces) ASSERT_TRUE(deque.push(piece));
  EXPECT_EQ(deque.steal_patiently(), &pieces[0]);
  EXPECT_EQ(deque.steal_patiently(), &pieces[1]);
  EXPECT_EQ(deque.steal_patiently(), &pieces[2]);
  EXPECT_EQ(deque.steal_patiently(), nullptr);
}

TEST(WorkDeque, TakesAPieceBackOnlyIfItIsTheNewest) {
  WorkDeque deque;
  Piece a, b;
  EXPECT_FALSE(deque.pop_if(a));
  ASSERT_TRUE(deque.push(a));
  ASSERT_TRUE(deque.push(b));
  EXPECT_FALSE(deque.pop_if(a));
  EXPECT_TRUE(deque.pop_if(b));
  EXPECT_FALSE(deque.pop_if(b));
  EXPECT_TRUE(deque.pop_if(a));
  EXPECT_FALSE(deque.pop_if(a));
  ASSERT_TRUE(deque.push(a));
  EXPECT_EQ(deque.steal(), &a);
  EXPECT_FALSE(deque.pop_if(a));  // the slot still holds it
}

TEST(WorkDeque, GrowsAndKeepsTheOrderWhereverItsRingBegins) {
  for (const int begin : {0, 1, 100, 255}) {
    WorkDeque deque;
    Piece filler;
    for (int i = 0; i < begin; ++i) {
      ASSERT_TRUE(deque.push(filler));
      ASSERT_EQ(deque.steal(), &filler);
    }
    std::vector<Piece> pieces(5'000);
    for (Piece& piece : pieces) ASSERT_TRUE(deque.push(piece));
    for (std::size_t i = 0; i < 2'000; ++i) ASSERT_EQ(deque.steal(), &pieces[i]);
    for (std::size_t i = pieces.size(); i-- > 2'000;) ASSERT_EQ(deque.pop(), &pieces[i]);
    EXPECT_TRUE(deque.empty());
  }
}

/// An owner that pushes, pops and takes back at random, and thieves: each piece is taken once.
void stress(std::size_t count, std::size_t most_at_once, unsigned seed) {
  WorkDeque deque;
  std::vector<Piece> pieces(count);
  std::atomic<bool> ended{false};
  std::atomic<std::size_t> stolen{0};
  std::vector<std::thread> thieves;
  for (int i = 0; i < 3; ++i) {
    thieves.emplace_back([&] {
      std::size_t mine = 0;
      while (!ended || !deque.empty()) {
        if (Work* work = deque.steal()) {
          take(work);
          ++mine;
        } else {
          std::this_thread::yield();
        }
      }
      stolen += mine;
    });
  }
  std::mt19937 random(seed);
  std::size_t popped = 0;
  for (std::size_t next = 0; next < count;) {
    Piece* newest = nullptr;
    for (std::size_t n = random() % most_at_once + 1; n > 0 && next < count; --n) {
      newest = &pieces[next++];
      ASSERT_TRUE(deque.push(*newest));
    }
    if (random() % 2 == 0 && deque.pop_if(*newest)) {
      take(newest);
      ++popped;
    }
    for (std::size_t n = random() % (most_at_once + 1); n > 0; --n) {
      Work* work = deque.pop();
      if (!work) break;
      take(work);
      ++popped;
    }
  }
  ended = true;
  for (std::thread& t : thieves) t.join();
  EXPECT_EQ(popped + stolen, count) << "seed " << seed;
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(pieces[i].taken, 1) << "piece " << i << ", seed " << seed;
}

TEST(WorkDeque, LosesAndDoublesNothingWhenTheLastPieceIsFoughtFor) { stress(test::rounds(200'000), 1, 1); }
TEST(WorkDeque, LosesAndDoublesNothingWithAFewPieces) { stress(test::rounds(200'000), 4, 2); }
TEST(WorkDeque, LosesAndDoublesNothingWhileItGrows) {
  for (unsigned seed = 3; seed < 13; ++seed) stress(test::rounds(20'000), 2'000, seed);
}

}  // namespace
}  // namespace plait::detail
