// SPDX-License-Identifier: BSL-1.0
// By hand: a forked process that spins on words of shared memory, and fork itself.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <vector>

#include "../measure.hpp"
#include "../workloads.hpp"

namespace {

struct Shared {
  alignas(64) std::atomic<long> question;
  alignas(64) std::atomic<long> answer;
  alignas(64) char bytes[2][64 << 20];
};

/// A process that calls `serve` for each question.
class Server {
 public:
  template <class F>
  explicit Server(F serve) {
    shared = static_cast<Shared*>(
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    process_ = ::fork();
    if (process_ != 0) return;
    for (long number = 1;; ++number) {
      while (shared->question.load(std::memory_order_acquire) != number) __builtin_ia32_pause();
      serve(*shared);
      shared->answer.store(number, std::memory_order_release);
    }
  }
  ~Server() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    ::munmap(shared, sizeof(Shared));
  }
  void ask() {
    shared->question.store(++number_, std::memory_order_release);
    while (shared->answer.load(std::memory_order_acquire) != number_) __builtin_ia32_pause();
  }
  Shared* shared;

 private:
  pid_t process_;
  long number_ = 0;
};

void call(benchmark::State& state) {
  Server server([](Shared&) {});
  for (auto _ : state) server.ask();
  bench::report_per_item(state, 1);
}
BENCHMARK(call)->Name("process_call_by_hand")->UseRealTime();

/// The same four copies: in, out, in, out.
void bytes(benchmark::State& state) {
  std::vector<char> there(64 << 20);
  Server server([&](Shared& shared) {
    std::memcpy(there.data(), shared.bytes[0], there.size());
    std::memcpy(shared.bytes[1], there.data(), there.size());
  });
  const std::vector<char> from(64 << 20, 'x');
  std::vector<char> to(64 << 20);
  for (auto _ : state) {
    std::memcpy(server.shared->bytes[0], from.data(), from.size());
    server.ask();
    std::memcpy(to.data(), server.shared->bytes[1], to.size());
  }
  bench::expect(to[1], 'x');
  bench::report_per_item(state, 1);
}
BENCHMARK(bytes)->Name("process_bytes_by_hand")->UseRealTime();

void start(benchmark::State& state) {
  for (auto _ : state) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(start)->Name("process_start_by_hand")->UseRealTime();

}  // namespace
