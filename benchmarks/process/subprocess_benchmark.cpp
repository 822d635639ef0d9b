// SPDX-License-Identifier: BSL-1.0
//
// /bin/true, one after the other and 64 at once, from a small parent and from one with 4 GiB of resident memory. Each
// round runs the raw program (vfork, execve, waitid) and ours in turn, so that what else the machine does meets both;
// `of_raw` is the raw one's median time over ours: 1 is as good, 0.95 the aim.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <plait/plait.hpp>
#include <vector>

namespace {

constexpr std::size_t kAtOnce = 64;

pid_t raw_start() {
  static const char* const arguments[] = {"/bin/true", nullptr};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const pid_t pid = ::vfork();
#pragma GCC diagnostic pop
  if (pid == 0) {
    ::execve(arguments[0], const_cast<char* const*>(arguments), ::environ);
    ::_exit(127);
  }
  return pid;
}

void raw_wait(pid_t pid) {
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED);
}

void raw_once() { raw_wait(raw_start()); }

void raw_at_once() {
  std::array<pid_t, kAtOnce> pids;
  for (pid_t& pid : pids) pid = raw_start();
  for (const pid_t pid : pids) raw_wait(pid);
}

plait::Task<> once() { co_await plait::subprocess::run({"/bin/true"}); }

plait::Task<> at_once() {
  std::vector<plait::Future<plait::subprocess::Completed>> running;
  running.reserve(kAtOnce);
  for (std::size_t i = 0; i < kAtOnce; ++i) running.push_back(plait::spawn(plait::subprocess::run({"/bin/true"})));
  for (auto& each : running) co_await each;
}

/// Resident memory, for the time of a benchmark.
class Resident {
 public:
  explicit Resident(std::size_t gibibytes) : size_(gibibytes << 30) {
    if (size_ == 0) return;
    memory_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  }
  ~Resident() {
    if (size_ != 0) ::munmap(memory_, size_);
  }
  Resident(const Resident&) = delete;
  Resident& operator=(const Resident&) = delete;
  bool failed() const { return memory_ == MAP_FAILED; }

 private:
  std::size_t size_;
  void* memory_ = nullptr;
};

double median(std::vector<double>& times) {
  if (times.empty()) return 0;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

template <class Raw, class Ours>
plait::Task<> compare(benchmark::State& state, Raw raw, Ours ours, double count) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> raw_times, our_times;
  for (auto _ : state) {
    const auto start = Clock::now();
    raw();
    const auto middle = Clock::now();
    co_await ours();
    const auto end = Clock::now();
    raw_times.push_back(std::chrono::duration<double>(middle - start).count());
    our_times.push_back(std::chrono::duration<double>(end - middle).count());
    state.SetIterationTime(our_times.back());
  }
  const double raw_time = median(raw_times), our_time = median(our_times);
  state.counters["raw_us"] = raw_time * 1e6 / count;
  state.counters["ours_us"] = our_time * 1e6 / count;
  state.counters["of_raw"] = raw_time / our_time;
}

void run_true(benchmark::State& state) {
  const Resident resident(static_cast<std::size_t>(state.range(0)));
  if (resident.failed()) return state.SkipWithError("not enough memory");
  plait::run(compare(state, raw_once, once, 1));
}
BENCHMARK(run_true)->ArgName("GiB")->Arg(0)->Arg(4)->UseManualTime()->Unit(benchmark::kMicrosecond);

void run_64_true_at_once(benchmark::State& state) {
  const Resident resident(static_cast<std::size_t>(state.range(0)));
  if (resident.failed()) return state.SkipWithError("not enough memory");
  plait::run(compare(state, raw_at_once, at_once, kAtOnce));
}
BENCHMARK(run_64_true_at_once)->ArgName("GiB")->Arg(0)->Arg(4)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace
