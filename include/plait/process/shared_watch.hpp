// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "plait/base/intrusive_list.hpp"
#include "plait/base/time.hpp"
#include "plait/core/operation.hpp"
#include "plait/os/futex.hpp"
#include "plait/process/family.hpp"
#include "plait/process/shared_gate.hpp"
#include "plait/process/shared_segment.hpp"

namespace plait::detail {

/// One strand's wait for something shared: what it would try again, and the words by which it will know when.
class SharedWait : public TaggedLink<SharedWait> {
 public:
  /// Tries once more; the operation if it is done.
  using Try = Waiter* (*)(SharedWait&) noexcept;

  SharedWait(Try try_again, SharedSegment& segment) noexcept : try_again(try_again), segment(&segment) {}
  SharedWait(SharedWait&& other) noexcept : try_again(other.try_again), segment(other.segment) {}
  SharedWait& operator=(const SharedWait&) = delete;

  /// Before an attempt: it waits for nothing yet.
  void begin_attempt() noexcept { count_ = 1; }
  /// In an attempt that has failed so far, and looks once more after that: waits for the gate from now on.
  void arm(SharedGate& gate) noexcept { add(gate.sequence, gate.arm()); }
  /// Waits for the end of a process as well; false if it has ended already.
  bool watch(ProcessSlot slot) noexcept;
  /// The attempt failed because another process goes first: to be tried again soon.
  void be_patient() noexcept { patient_ = true; }

  /// What it waits for; the first word is left free for whoever waits.
  std::span<os::FutexWord> words() noexcept { return {words_.data(), count_}; }
  bool waits_for(const SharedGate& gate) const noexcept;
  /// A word has changed.
  bool may_succeed() const noexcept;
  /// After an attempt that failed at `now`, in real time: sets when it is due to be tried without a reason.
  void failed_at(TimePoint now) noexcept;
  TimePoint due() const noexcept { return due_; }

  const Try try_again;
  SharedSegment* const segment;

 private:
  void add(Atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    if (count_ < words_.size()) words_[count_++] = {&word, expected, true};
  }

  std::array<os::FutexWord, 5> words_{};
  std::size_t count_ = 1;
  bool patient_ = false;
  TimePoint due_{};
};

/// The waits of this process's tasks for something shared, and the hidden threads that sleep in their place, for up to
/// 120 words each. What changes in this process is tried by whoever changes it; the threads see what others change.
class SharedWatch {
 public:
  /// Tries once more, and keeps the wait if that fails. False: it is done. Throws std::system_error.
  static bool add(SharedWait& wait);
  /// Forgets a wait; false if it was done already.
  static bool remove(SharedWait& wait) noexcept;
  /// The gate was notified.
  static void poke(SharedGate& gate) noexcept;

 private:
  struct Watcher;
  struct Woken;
  struct All;
  static All& all() noexcept;
  static bool attempt(Watcher& watcher, SharedWait& wait, Woken& woken) noexcept;
  static void serve(SharedGate* gate, Woken& woken) noexcept;
  static void serve_pending(Woken& woken) noexcept;
  static Watcher& place_for(SharedWait& wait);
  [[noreturn]] static void watch(void* watcher);
  static TimePoint look(Watcher& watcher, std::size_t& count, Woken& woken) noexcept;
};

}  // namespace plait::detail
