// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>

#include "plait/base/time.hpp"

namespace plait::detail {

/// How long somebody looks for what it waits for before it sleeps, in turns of some 13 ns (`cpu_relax`). Learnt from
/// the sleeps: one that was soon ended was worth a longer look, for to wake an idle core costs 25 µs and more; a long
/// one was not. Not from the looks, or two threads that both sleep would never find out that both could be fast; but
/// several long looks in vain, each followed by a short sleep, tell that who was waited for needed this very processor.
/// Never yields: who does so may get the processor back only after another thread's whole time slice.
class SpinBudget {
 public:
  /// At least and at most.
  static constexpr int kLeast = 100, kMost = 4000;

  /// Turns to look before the next sleep.
  int spins() const noexcept { return in_vain_ < kMostInVain ? spins_ : kLeast; }
  /// What was waited for came during a look, or did not.
  void found(bool in_time) noexcept {
    if (!in_time && spins_ == kMost) ++in_vain_;
    if (in_time || in_vain_ == kTryAgain) in_vain_ = 0;
  }
  /// A sleep is over.
  void learn(Duration slept) noexcept {
    spins_ = slept < kWorthSpinning ? kMost : std::max(spins_ - spins_ / 4, kLeast);
  }

 private:
  static constexpr Duration kWorthSpinning = std::chrono::microseconds(100);
  static constexpr int kMostInVain = 4, kTryAgain = 100;

  int spins_ = 2 * kLeast;
  int in_vain_ = 0;
};

}  // namespace plait::detail
