// SPDX-License-Identifier: BSL-1.0
#include "plait/core/read_strands.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <system_error>

#include "plait/os/process_memory.hpp"
#include "support/child_process.hpp"

namespace plait {
namespace {

using os::MemoryAccess;
using test::ChildProcess;

/// The program of strands_program.cpp, and what it said of itself.
struct Subject {
  explicit Subject(std::vector<std::string> options = {}) : process(command(std::move(options))) {
    std::istringstream line(process.read_line());
    line >> file >> nap_line >> join_line >> busy_line >> spawn_line;
  }
  static std::vector<std::string> command(std::vector<std::string> options) {
    options.insert(options.begin(), PLAIT_TEST_PROGRAMS "/plait_core_strands_program");
    return options;
  }
  SourceLine at(std::uint32_t line) const { return {file, line}; }

  ChildProcess process;
  std::string file;
  std::uint32_t nap_line = 0, join_line = 0, busy_line = 0, spawn_line = 0;
};

const StrandInfo* find(const std::vector<StrandInfo>& strands, std::string_view name) {
  const auto found = std::ranges::find(strands, name, &StrandInfo::name);
  return found == strands.end() ? nullptr : &*found;
}

/// All that is known of the program's strands that do not change.
void expect_all(const Subject& subject, const std::vector<StrandInfo>& strands) {
  const StrandInfo* main = find(strands, "run()");
  const StrandInfo* nap = find(strands, "nap");
  const StrandInfo* join = find(strands, "join");
  const StrandInfo* busy = find(strands, "busy");
  const StrandInfo* sleeper = find(strands, "sleeper");
  ASSERT_TRUE(main && nap && join && busy && sleeper);

  EXPECT_EQ(nap->kind, StrandKind::task);
  EXPECT_EQ(nap->state, StrandState::waiting);
  EXPECT_EQ(nap->wait, WaitKind::sleep);
  EXPECT_EQ(nap->parent, main->id);
  EXPECT_EQ(nap->awaits_at, subject.at(subject.nap_line));
  EXPECT_EQ(nap->spawned_at, subject.at(subject.spawn_line));

  EXPECT_EQ(join->state, StrandState::waiting);
  EXPECT_EQ(join->wait, WaitKind::task);
  EXPECT_EQ(join->awaited, nap->id);
  EXPECT_EQ(join->awaits_at, subject.at(subject.join_line));
  EXPECT_EQ(join->spawned_at, subject.at(subject.spawn_line + 1));

  EXPECT_EQ(main->awaited, busy->id);
  EXPECT_EQ(busy->spawned_at, subject.at(subject.spawn_line + 2));

  EXPECT_EQ(sleeper->kind, StrandKind::thread);
  EXPECT_EQ(sleeper->state, StrandState::waiting);
  EXPECT_EQ(sleeper->wait, WaitKind::sleep);
  EXPECT_NE(sleeper->thread_id, 0);
  EXPECT_NE(sleeper->thread_id, subject.process.id());

  // What comes and goes is either left out or whole.
  for (const StrandInfo& strand : strands) {
    if (strand.name != "brief") continue;
    EXPECT_EQ(strand.parent, busy->id);
    if (strand.awaits_at.line != 0) {
      EXPECT_EQ(strand.awaits_at, subject.at(subject.busy_line));
    }
  }
}

TEST(ReadStrands, a_running_program_shows_the_names_and_lines_of_its_strands) {
  const Subject subject;
  ASSERT_NE(subject.nap_line, 0U);
  for (int again = 0; again < 20; ++again) expect_all(subject, read_strands(subject.process.id()));
}

TEST(ReadStrands, a_stopped_program_shows_them_too) {
  const Subject subject;
  ASSERT_TRUE(subject.process.stop());
  expect_all(subject, read_strands(subject.process.id()));
}

TEST(ReadStrands, lines_come_from_the_programs_file_where_its_memory_may_not_be_read) {
  const Subject subject;
  expect_all(subject, detail::read_strands(subject.process.id(), MemoryAccess::files));
}

TEST(ReadStrands, a_program_that_closed_the_registrys_descriptor_is_read_by_its_memory) {
  const Subject subject({"closes-descriptors"});
  expect_all(subject, detail::read_strands(subject.process.id(), MemoryAccess::live));
  EXPECT_TRUE(detail::read_strands(subject.process.id(), MemoryAccess::files).empty());
}

TEST(ReadStrands, a_process_without_plait_has_none) {
  const ChildProcess process({"/bin/sh", "-c", "echo started; exec sleep 1000"});
  EXPECT_EQ(process.read_line(), "started");
  EXPECT_TRUE(read_strands(process.id()).empty());
}

TEST(ReadStrands, a_process_that_does_not_exist_is_an_error_that_says_so) {
  try {
    (void)read_strands(0x7FFF'FFFF);
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_process);
  }
}

}  // namespace
}  // namespace plait
