// SPDX-License-Identifier: BSL-1.0
#include "experiment.hpp"

#include <plait/plait.hpp>

#include <chrono>
#include <deque>
#include <string>
#include <utility>

namespace plait::tool {
namespace {

using Clock = LaneRecorder::Clock;

constexpr int kSteps = 5;
constexpr std::chrono::milliseconds kDelay{50};

Lane named(std::string name) { return {.name = std::move(name), .begin = 0, .end = 0, .running = {}}; }

void step(LaneRecorder& recorder) {
  recorder.waits();
  sleep_for(kDelay);
  recorder.resumes();
}

void in_a_strand(Lane& lane, Clock::time_point epoch, int steps) {
  LaneRecorder recorder(lane, epoch);
  for (int i = 0; i < steps; ++i) step(recorder);
  recorder.ends();
}

LaneGroup finished(std::string way, Clock::time_point epoch, std::vector<Lane> lanes) {
  return {.way = std::move(way),
          .wall_s = std::chrono::duration<double>(Clock::now() - epoch).count(),
          .lanes = std::move(lanes)};
}

LaneGroup synchronous() {
  std::vector<Lane> lanes{named("main")};
  const auto epoch = Clock::now();
  in_a_strand(lanes[0], epoch, 2 * kSteps);
  return finished("synchronous", epoch, std::move(lanes));
}

// The main program starts the threads, waits for them all, and has a lane of its own.
LaneGroup with_threads(std::string way, std::vector<Lane> lanes, int steps) {
  const auto epoch = Clock::now();
  LaneRecorder main(lanes[0], epoch);
  std::deque<Thread> threads;
  for (std::size_t i = 1; i < lanes.size(); ++i) {
    threads.emplace_back([&lane = lanes[i], epoch, steps] { in_a_strand(lane, epoch, steps); }).start();
  }
  main.waits();
  for (Thread& thread : threads) thread.join();
  main.resumes();
  main.ends();
  return finished(std::move(way), epoch, std::move(lanes));
}

Task<> in_a_task(Lane& lane, Clock::time_point epoch) {
  LaneRecorder recorder(lane, epoch);
  for (int i = 0; i < kSteps; ++i) {
    recorder.waits();
    co_await sleep(kDelay);
    recorder.resumes();
  }
  recorder.ends();
}

Task<> both_tasks(std::vector<Lane>& lanes, Clock::time_point epoch) {
  LaneRecorder main(lanes[0], epoch);
  main.waits();
  co_await gather(in_a_task(lanes[1], epoch), in_a_task(lanes[2], epoch));
  main.resumes();
  main.ends();
}

LaneGroup with_tasks() {
  std::vector<Lane> lanes{named("main"), named("func1"), named("func2")};
  const auto epoch = Clock::now();
  run(both_tasks(lanes, epoch));
  return finished("tasks on one loop", epoch, std::move(lanes));
}

}  // namespace

std::vector<LaneGroup> run_experiment() {
  std::vector<LaneGroup> groups;
  groups.push_back(synchronous());
  groups.push_back(with_threads("two threads", {named("main"), named("func1"), named("func2")}, kSteps));
  std::vector<Lane> ten{named("main")};
  for (const char* function : {"func1", "func2"}) {
    for (int i = 0; i < kSteps; ++i) ten.push_back(named(std::string(function) + " #" + std::to_string(i)));
  }
  groups.push_back(with_threads("ten threads, one for each step", std::move(ten), 1));
  groups.push_back(with_tasks());
  return groups;
}

}  // namespace plait::tool
