// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "board.hpp"
#include "child_process.hpp"
#include "figures.hpp"
#include "lanes.hpp"
#include "progress.hpp"
#include "shared_memory.hpp"
#include "tree.hpp"

namespace plait::tool {

/// Runs ways in processes of their own, shows how far they are, and holds what they found against each other.
class Runner {
 public:
  /// `tree` must outlive it. What the walk could not read is reported at once.
  Runner(const Tree& tree, std::vector<Step> plan);

  /// Runs the next step of the plan.
  Sample run_next();
  /// Runs the course's experiment.
  std::vector<LaneGroup> run_experiment();

  /// What the first pass found, by the index of the file.
  [[nodiscard]] const std::vector<FileResult>& results() const { return results_; }
  /// Everything that was reported as unread, in the order of the reports.
  [[nodiscard]] const std::vector<UnreadName>& unread() const { return unread_; }
  /// Ways that gave another digest than the first pass for a file that had not changed, or for an answer.
  [[nodiscard]] std::size_t disagreements() const { return disagreements_; }

 private:
  Sample run_child(const Step& step, std::vector<std::string> arguments, const Board& board);
  void show(const Step& step, const Board& board, double elapsed_s);
  void compare_files(const Board& board, Way way);
  void compare_answers(const Board& board, Way way);
  void report_unread(const std::string& name, int reason);
  void say(const std::string& name, const std::string& what);
  int server_port();

  const Tree& tree_;
  SharedMemory names_;
  TimeLeft time_;
  ProgressBar bar_;
  std::vector<FileResult> results_;
  std::vector<FileResult> answers_;
  std::vector<UnreadName> unread_;
  std::set<std::size_t> reported_;
  std::size_t disagreements_ = 0;
  std::optional<ChildProcess> server_;
  int port_ = 0;
};

}  // namespace plait::tool
