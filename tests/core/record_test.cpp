// SPDX-License-Identifier: BSL-1.0
#include "plait/core/record.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string_view>
#include <thread>
#include <vector>

namespace plait::detail {
namespace {

std::vector<StrandRecord*> open_many(int count, const StrandRecord* parent = nullptr) {
  std::vector<StrandRecord*> records;
  for (int i = 0; i < count; ++i) records.push_back(open_record(false, "strand", &records, parent));
  return records;
}

void close_all(const std::vector<StrandRecord*>& records) {
  for (StrandRecord* record : records) close_record(record);
}

TEST(RecordTest, ItSaysWhoTheStrandIs) {
  StrandRecord* parent = open_record(false, "parent", nullptr, nullptr);
  StrandRecord* child = open_record(false, "a name of more than twenty-seven bytes", &parent, parent);
  EXPECT_EQ(child->parent, parent->id);
  EXPECT_EQ(parent->parent, 0u);
  EXPECT_EQ(child->spawned_at, &parent);
  EXPECT_EQ(std::string_view(child->name), "a name of more than twenty-");
  EXPECT_EQ(child->state.load(), StrandState::ready);
  EXPECT_EQ(child->sequence.load() % 2, 0u);
  close_record(child);
  EXPECT_EQ(child->state.load(), StrandState::free);
  close_record(parent);
}

TEST(RecordTest, OpenRecordsAndTheirNumbersAreDistinctOnAllThreads) {
  std::vector<std::vector<StrandRecord*>> all(4);
  std::vector<std::thread> threads;
  for (auto& records : all) threads.emplace_back([&] { records = open_many(3000); });
  for (auto& thread : threads) thread.join();
  std::set<StrandRecord*> records;
  std::set<std::uint64_t> numbers;
  for (const auto& some : all) {
    for (StrandRecord* record : some) {
      records.insert(record);
      numbers.insert(record->id);
    }
  }
  EXPECT_EQ(records.size(), 12000u);
  EXPECT_EQ(numbers.size(), 12000u);
  EXPECT_FALSE(numbers.contains(0));
  for (const auto& some : all) close_all(some);
}

TEST(RecordTest, RecordsClosedOnAnotherThreadAreUsedAgain) {
  const auto first = open_many(1000);
  std::set<StrandRecord*> seen(first.begin(), first.end());
  std::thread([&] { close_all(first); }).join();
  for (int round = 0; round < 20; ++round) {
    const auto more = open_many(1000);
    seen.insert(more.begin(), more.end());
    std::thread([&] { close_all(more); }).join();
  }
  // Were they lost with the threads that closed them, there would be 21,000.
  EXPECT_LT(seen.size(), 3000u);
}

struct LateUser {
  ~LateUser() {
    close_record(open_record(false, "late", nullptr, nullptr));
    if (record) close_record(record);
  }
  StrandRecord* record = nullptr;
};

TEST(RecordTest, AThreadsLastDestructorsMayStillUseThem) {
  std::thread([] {
    // Made before the first record, so destroyed after what the thread had in store.
    static thread_local LateUser user;
    user.record = open_record(true, "", nullptr, nullptr);
    EXPECT_NE(user.record->thread_id, 0);
  }).join();
  close_all(open_many(100));
}

}  // namespace
}  // namespace plait::detail
