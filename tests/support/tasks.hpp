// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "plait/core/future.hpp"
#include "plait/core/task.hpp"
#include "plait/sched/sleep.hpp"

namespace plait::test {

/// Lets others run `n` times.
inline Task<> turns(int n) {
  for (int i = 0; i < n; ++i) co_await yield_now();
}
inline Task<> forever() { co_await sleep(std::chrono::hours(1000)); }
inline Task<int> give(int n) {
  co_await yield_now();
  co_return n;
}
inline Task<int> give_after(Duration span, int n) {
  co_await sleep(span);
  co_return n;
}
inline Task<> fail_after(Duration span, const char* text) {
  co_await sleep(span);
  throw std::runtime_error(text);
}
/// Whether a checkpoint throws here and now.
inline Task<bool> checkpoint_throws() {
  try {
    co_await yield_now();
  } catch (const Cancelled&) {
    co_return true;
  }
  co_return false;
}

/// Counts how many of it are alive in `count`.
struct Live {
  explicit Live(int& count) : count(count) { ++count; }
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;
  ~Live() { --count; }
  int& count;
};

/// Collects what nobody retrieved, while it lives.
class Unretrieved {
 public:
  Unretrieved() {
    std::scoped_lock guard(mutex());
    texts().clear();
    before_ = set_unretrieved_handler([](const UnretrievedError& e) {
      std::scoped_lock lock(mutex());
      texts().push_back(describe(e.error));
    });
  }
  Unretrieved(const Unretrieved&) = delete;
  Unretrieved& operator=(const Unretrieved&) = delete;
  ~Unretrieved() { set_unretrieved_handler(before_); }

  std::vector<std::string> seen() const {
    std::scoped_lock guard(mutex());
    return texts();
  }

 private:
  static std::mutex& mutex() {
    static std::mutex m;
    return m;
  }
  static std::vector<std::string>& texts() {
    static std::vector<std::string> t;
    return t;
  }
  UnretrievedHandler before_;
};

}  // namespace plait::test
