// SPDX-License-Identifier: BSL-1.0
#include "plait/core/record.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "plait/core/dump.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/plait.hpp"
#include "support/child_process.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using detail::close_record;
using detail::name_of;
using detail::name_record;
using detail::open_record;
using detail::StrandRecord;
using test::in_forked_child;

/// A record that closes itself.
struct Record {
  explicit Record(std::string_view name = {}, const StrandRecord* parent = nullptr)
      : it(open_record(false, name, nullptr, parent)) {}
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  ~Record() { close_record(it); }
  StrandRecord* it;
};

const StrandInfo* find(const std::vector<StrandInfo>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &StrandInfo::name);
  return found == all.end() ? nullptr : &*found;
}

TEST(StrandRecord, is_seen_as_long_as_it_is_open) {
  {
    const Record parent("parent");
    const Record child("child", parent.it);
    const auto all = strands();
    ASSERT_TRUE(find(all, "parent") && find(all, "child"));
    EXPECT_EQ(find(all, "child")->parent, find(all, "parent")->id);
    EXPECT_EQ(find(all, "child")->state, StrandState::ready);
  }
  EXPECT_FALSE(find(strands(), "parent"));
}

TEST(StrandRecord, a_long_name_is_cut_between_characters) {
  const std::string fits(detail::kNameSize, 'x');
  EXPECT_EQ(name_of(*Record(fits).it), fits);
  EXPECT_EQ(name_of(*Record(fits + "y").it), fits);
  const std::string umlaut = std::string(detail::kNameSize - 1, 'x') + "ä";
  EXPECT_EQ(name_of(*Record(umlaut).it), std::string(detail::kNameSize - 1, 'x'));
}

TEST(StrandRecord, a_name_goes_with_its_strand) {
  const Record record("first name, and a long one");
  name_record(*record.it, "second");
  EXPECT_EQ(name_of(*record.it), "second");
  name_record(*record.it, "");
  EXPECT_EQ(name_of(*record.it), "");
  StrandRecord* reused = nullptr;
  {
    const Record named("named");
    reused = named.it;
  }
  const Record unnamed;
  ASSERT_EQ(unnamed.it, reused);
  EXPECT_EQ(name_of(*unnamed.it), "");
}

TEST(StrandRecord, no_id_comes_twice_however_many_threads_open_records) {
  std::vector<std::vector<std::uint64_t>> ids(4);
  {
    std::vector<std::jthread> threads;
    for (auto& own : ids) {
      threads.emplace_back([&own] {
        for (int i = 0; i < 1000; ++i) own.push_back(Record().it->id);
      });
    }
  }
  std::set<std::uint64_t> all;
  for (const auto& own : ids) all.insert(own.begin(), own.end());
  EXPECT_EQ(all.size(), 4000U);
}

TEST(StrandRecord, records_closed_on_another_thread_are_used_again) {
  const auto in_use = [] { return detail::strand_registry()->used.load(); };
  const auto pass = [] {
    std::vector<StrandRecord*> records(500);
    for (auto& record : records) record = open_record(false, {}, nullptr, nullptr);
    std::jthread([&records] {
      for (StrandRecord* record : records) close_record(record);
    }).join();
  };
  pass();
  pass();
  const std::uint64_t before = in_use();
  for (int i = 0; i < 100; ++i) pass();
  EXPECT_EQ(in_use(), before);
}

TEST(StrandRecord, a_reader_sees_whole_records_while_they_come_and_go) {
  const Record first("a parent");
  std::atomic<bool> stop = false;
  std::vector<std::jthread> writers;
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      while (!stop) {
        const Record even("eeeeeeeeeeeeeeeeeeeeeeee", first.it);
        even.it->suspend(WaitKind::sleep, nullptr);
        const Record odd("oooooooooooooooooooooooo", even.it);
        odd.it->set(StrandState::running);
      }
    });
  }
  int seen = 0;
  for (int i = 0; i < 2000 || seen == 0; ++i) {
    for (const StrandInfo& strand : strands()) {
      if (!strand.name.starts_with('e') && !strand.name.starts_with('o')) continue;
      ++seen;
      EXPECT_EQ(strand.name, std::string(24, strand.name[0]));
      if (strand.name[0] == 'e') {
        EXPECT_EQ(strand.parent, first.it->id);
      }
    }
  }
  stop = true;
}

struct LateUser {
  ~LateUser() {
    close_record(open_record(false, "late", nullptr, nullptr));
    if (record) close_record(record);
  }
  StrandRecord* record = nullptr;
};

TEST(StrandRecord, a_threads_last_destructors_may_still_use_them) {
  std::jthread([] {
    // Made before the first record, so destroyed after what the thread had in store.
    static thread_local LateUser user;
    user.record = open_record(true, "late thread", nullptr, nullptr);
    EXPECT_NE(user.record->thread_id, 0);
  }).join();
  EXPECT_FALSE(find(strands(), "late"));
  EXPECT_FALSE(find(strands(), "late thread"));
}

TEST(StrandRecord, a_hundred_thousand_strands_have_one_each) {
  static constexpr int kMany = 100'000;
  std::vector<StrandRecord*> records(kMany);
  const std::size_t before = strands().size();
  for (auto& record : records) record = open_record(false, {}, nullptr, nullptr);
  EXPECT_EQ(strands().size(), before + kMany);
  for (StrandRecord* record : records) close_record(record);
  EXPECT_EQ(strands().size(), before);
}

TEST(StrandRecord, a_hundred_thousand_tasks_wait_at_one_line) {
  static constexpr std::size_t kMany = 100'000;
  const std::size_t waiting = run([]() -> Task<std::size_t> {
    std::vector<Future<void>> tasks;
    for (std::size_t i = 0; i < kMany; ++i) tasks.push_back(spawn([]() -> Task<> { co_await sleep(1h); }));
    co_await yield_now();
    co_return std::ranges::count(strands(), WaitKind::sleep, &StrandInfo::wait);
  });
  EXPECT_EQ(waiting, kMany);
}

/// What `f` gives in a forked child whose files may have `size` bytes at most, the registry among them.
template <class F>
bool in_child_with_small_files(std::size_t size, F f) {
  rlimit before{};
  if (::getrlimit(RLIMIT_FSIZE, &before) != 0) return false;
  rlimit small = before;
  small.rlim_cur = size;
  if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return false;
  const bool good = in_forked_child(f);
  ::setrlimit(RLIMIT_FSIZE, &before);
  return good;
}

bool run_short_of_records() {
  const std::size_t others = strands().size();  // the forking thread's own
  std::vector<StrandRecord*> records(10'000);
  for (auto& record : records) record = open_record(false, "one of many", nullptr, nullptr);
  detail::RegistryHeader& header = *detail::strand_registry();
  bool good = header.capacity < records.size() && header.used == header.capacity;
  good = good && header.unrecorded == records.size() + others - header.capacity && strands().size() == header.capacity;
  // The late-comers share one, which takes every call.
  records.back()->suspend(WaitKind::lock, nullptr);
  name_record(*records.back(), "nobody");
  good = good && name_of(*records.back()).empty() && records[9'998] == records[9'999];
  for (StrandRecord* record : records) close_record(record);
  good = good && header.unrecorded == 0 && strands().size() == others;
  StrandRecord* again = open_record(false, "room again", nullptr, nullptr);
  return good && name_of(*again) == "room again";
}

TEST(StrandRecord, when_there_are_no_more_late_comers_share_one_and_are_counted) {
  EXPECT_TRUE(in_child_with_small_files(1 << 20, run_short_of_records));
}

TEST(StrandRecord, a_program_that_may_create_no_memory_file_keeps_its_records_to_itself) {
  EXPECT_TRUE(in_child_with_small_files(0, [] {
    const Record record("private");
    return name_of(*record.it) == "private" && find(strands(), "private") != nullptr;
  }));
}

TEST(StrandRecord, a_forked_child_writes_nothing_into_its_parents_registry) {
  const Record record("the parent's");
  StrandRecord& own_thread = *detail::this_thread_strand().record;
  name_record(own_thread, "forking thread");
  record.it->set(StrandState::running);
  const std::uint64_t id = record.it->id;
  const std::size_t before = strands().size();
  EXPECT_TRUE(in_forked_child([&] {
    // What the parent's strands do late, in the child.
    record.it->suspend(WaitKind::lock, &id);
    close_record(record.it);
    std::vector<StrandRecord*> records;
    for (int i = 0; i < 200; ++i) records.push_back(open_record(false, "the child's", nullptr, record.it));
    const auto all = strands();
    return all.size() == 201 && find(all, "forking thread") && !find(all, "the parent's");
  }));
  EXPECT_EQ(record.it->state, StrandState::running);
  EXPECT_EQ(record.it->object, nullptr);
  EXPECT_EQ(detail::this_thread_strand().record, &own_thread);
  EXPECT_EQ(strands().size(), before);
}

TEST(StrandRecord, a_forked_child_runs_loops_and_threads_that_are_seen) {
  const Record record("the parent's");
  EXPECT_TRUE(in_forked_child([] {
    return run([]() -> Task<bool> {
      auto napping = spawn([]() -> Task<> { co_await sleep(1h); }, {.name = "nap"});
      co_await yield_now();
      const auto all = strands();
      co_return find(all, "nap") && find(all, "nap")->state == StrandState::waiting && !find(all, "the parent's");
    });
  }));
}

}  // namespace
}  // namespace plait
