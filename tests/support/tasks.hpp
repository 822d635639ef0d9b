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
/// Waits for ever, and fails when it is cancelled.
inline Task<> fail_when_cancelled(const char* text) {
  try {
    co_await forever();
  } catch (const Cancelled&) {
    throw std::runtime_error(text);
  }
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

inline Task<> live_forever(int& count) {
  Live here(count);
  co_await forever();
}

/// The texts of what `awaitable` fails with as a group, "a;b;"; "nothing" if it does not.
template <class A>
Task<std::string> errors_of(A awaitable) {
  try {
    co_await std::move(awaitable);
  } catch (const ExceptionGroup& group) {
    std::string text;
    for (const auto& error : group) text += describe(error).substr(describe(error).find(": ") + 2) + ";";
    co_return text;
  } catch (const Cancelled&) {
    co_return "cancelled";
  }
  co_return "nothing";
}

/// Collects what nobody retrieved, while it lives.
class Unretrieved {
 public:
  Unretrieved() {
    {
      std::scoped_lock guard(mutex);
      all.clear();
    }
    before_ = set_unretrieved_handler([](const UnretrievedError& error) {
      std::scoped_lock guard(mutex);
      all.push_back(error);
    });
  }
  Unretrieved(const Unretrieved&) = delete;
  Unretrieved& operator=(const Unretrieved&) = delete;
  ~Unretrieved() { set_unretrieved_handler(before_); }

  std::vector<UnretrievedError> errors() const {
    std::scoped_lock guard(mutex);
    return all;
  }
  /// Their texts.
  std::vector<std::string> seen() const {
    std::vector<std::string> texts;
    for (const UnretrievedError& one : errors()) texts.push_back(describe(one.error));
    return texts;
  }

 private:
  static inline std::mutex mutex;
  static inline std::vector<UnretrievedError> all;
  UnretrievedHandler before_;
};

}  // namespace plait::test
