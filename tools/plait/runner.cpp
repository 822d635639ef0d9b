// SPDX-License-Identifier: BSL-1.0
#include "runner.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <stdexcept>

#include "figures_json.hpp"
#include "parts.hpp"
#include "quantities.hpp"
#include "reasons.hpp"

namespace plait::tool {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::vector<FileResult> copy_of(const Board& board) { return {board.results().begin(), board.results().end()}; }

}  // namespace

Runner::Runner(const Tree& tree, std::vector<Step> plan)
    : tree_(tree), names_(tree.files.text()), time_(std::move(plan)) {
  // How long the requests take is known beforehand, but for what the ways add.
  constexpr double kOneAfterTheOther = kRequests * kRequestMilliseconds / 1e3;
  for (Way way : ways_of(Work::kIoBound)) {
    time_.expect(Work::kIoBound, way, way == Way::kSequential ? kOneAfterTheOther : kOneAfterTheOther / kInFlight);
  }
  for (const UnreadName& name : tree.unread) report_unread(name.name, name.reason);
}

Sample Runner::run_next() {
  const Step step = time_.plan().at(time_.steps_done());
  if (step.work == Work::kCpuBound) {
    const Board board(tree_.files.size());
    const Sample sample = run_child(step, hash_files_child(step.way, names_.fd(), board), board);
    compare_files(board, step.way);
    return sample;
  }
  const Board board(kRequests);
  const Sample sample = run_child(step, send_requests_child(step.way, server_port(), board), board);
  compare_answers(board, step.way);
  return sample;
}

std::vector<LaneGroup> Runner::run_experiment() {
  bar_.draw("the course's experiment", 1, "", 1);
  ChildProcess child(experiment_child());
  const std::string report = child.read_report();
  child.join();
  bar_.clear();
  return nlohmann::json::parse(report).get<std::vector<LaneGroup>>();
}

Sample Runner::run_child(const Step& step, std::vector<std::string> arguments, const Board& board) {
  const auto begin = Clock::now();
  show(step, board, 0);
  ChildProcess child(std::move(arguments));
  const std::string report = child.read_report([&] { show(step, board, seconds_since(begin)); });
  child.join();
  const std::span<FileResult> results = board.results();
  if (!std::all_of(results.begin(), results.end(), [](const FileResult& r) { return r.settled == 1; })) {
    throw std::logic_error(fmt::format("{} left items undone", way_name(step.way)));
  }
  time_.done(seconds_since(begin));
  bar_.clear();
  return nlohmann::json::parse(report).get<Sample>();
}

void Runner::show(const Step& step, const Board& board, double elapsed_s) {
  const auto items = static_cast<double>(board.progress().items.load(std::memory_order_relaxed));
  const auto bytes = static_cast<double>(board.progress().bytes.load(std::memory_order_relaxed));
  const bool files = step.work == Work::kCpuBound;
  const auto all = static_cast<double>(files ? tree_.bytes : board.size());
  const double share = all > 0 ? std::min((files ? bytes : items) / all, 1.0) : 1;
  const double pace = std::max(elapsed_s, 1e-3);
  const std::string rate = files ? show_bytes(bytes / pace) + "/s" : fmt::format("{:.0f} requests/s", items / pace);
  const std::string round = step.round == 0 ? "warming up" : fmt::format("round {}/3", step.round);
  bar_.draw(fmt::format("{} {}, {}", files ? "CPU" : "IO", round, way_name(step.way)), share, rate,
            time_.left(share, elapsed_s));
}

void Runner::compare_files(const Board& board, Way way) {
  const std::span<FileResult> found = board.results();
  if (results_.empty()) results_ = copy_of(board);
  HashBench bench;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].reason != kRead) {
      if (reported_.insert(i).second) report_unread(tree_.files[i], found[i].reason);
    } else if (results_[i].reason == kRead && found[i].digest != results_[i].digest && reported_.insert(i).second) {
      // Either the file is another one now, or one way is wrong: a look at the file tells which.
      if (hash_file(tree_.files[i], bench).digest != results_[i].digest) {
        say(tree_.files[i], "changed while the ways were compared");
      } else {
        say(tree_.files[i], fmt::format("the way \"{}\" found another digest", way_name(way)));
        ++disagreements_;
      }
    }
  }
}

void Runner::compare_answers(const Board& board, Way way) {
  if (answers_.empty()) answers_ = copy_of(board);
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    const FileResult& found = board.results()[i];
    if (found.reason == kRead && found.digest == answers_[i].digest) continue;
    say(fmt::format("request {}", i),
        fmt::format("the way \"{}\" got {}", way_name(way),
                    found.reason == kRead ? "another answer" : reason_text(found.reason)));
    ++disagreements_;
  }
}

void Runner::report_unread(const std::string& name, int reason) {
  unread_.push_back({name, reason});
  say(name, reason_text(reason));
}

void Runner::say(const std::string& name, const std::string& what) {
  bar_.clear();
  fmt::print(stderr, "plait: {}: {}\n", printable(name), what);
}

int Runner::server_port() {
  if (!server_) {
    server_.emplace(slow_server_child());
    port_ = std::stoi(server_->read_line());
  }
  return port_;
}

}  // namespace plait::tool
