// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#if defined(__SANITIZE_THREAD__)
/// ThreadSanitizer does not follow the child of a program with threads, once that starts threads as well.
#define PLAIT_TEST_NEEDS_FORK() GTEST_SKIP() << "not with ThreadSanitizer"
#else
#define PLAIT_TEST_NEEDS_FORK() static_cast<void>(0)
#endif

namespace plait::test {

/// Waits, a test's minute at most, until `condition()`.
template <class F>
void until(F condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) {
      ADD_FAILURE() << "a condition did not come true within a minute";
      return;
    }
    std::this_thread::yield();
  }
}

#if defined(__SANITIZE_THREAD__)
/// A thread in the place of the child; tests that need more say so (PLAIT_TEST_NEEDS_FORK).
class Forked {
 public:
  template <class F>
  explicit Forked(F f) : thread_(std::move(f)) {}
  Forked(Forked&&) noexcept = default;
  Forked& operator=(Forked&&) noexcept = default;
  ~Forked() {
    if (thread_.joinable()) thread_.join();
  }

  [[noreturn]] static void wait_for_ever() { std::abort(); }
  bool ends_well() {
    thread_.join();
    return true;
  }
  void kill() { std::abort(); }

 private:
  std::thread thread_;
};
#else
/// A child process that runs `f()`, by fork(2), in a thread of its own, whose event loop is not its parent's. Killed by
/// the destructor if it has not ended.
class Forked {
 public:
  template <class F>
  explicit Forked(F f) : id_(::fork()) {
    if (id_ != 0) return;
    std::thread(std::move(f)).join();
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  Forked(Forked&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Forked& operator=(Forked&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Forked() {
    if (id_ > 0) kill();
  }

  [[noreturn]] static void wait_for_ever() {
    for (;;) ::pause();
  }
  /// It ended by itself, without a failure.
  bool ends_well() {
    int status = -1;
    ::waitpid(std::exchange(id_, -1), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  /// SIGKILL; waits for its end.
  void kill() {
    ::kill(id_, SIGKILL);
    ::waitpid(std::exchange(id_, -1), nullptr, 0);
  }

 private:
  pid_t id_;
};
#endif

}  // namespace plait::test
