// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "plait/process/shared_handle.hpp"
#include "plait/process/shared_leaf.hpp"
#include "plait/sync/barrier.hpp"

namespace plait {
namespace detail {

/// In shared memory. All of a round lies in one word, so each step is one store.
class SharedBarrierState {
 public:
  static constexpr std::size_t kMostParties = 1024;
  enum class Step : std::uint8_t { wait, last, done, broken };
  /// One who comes: its index and its round, once it has come.
  struct Arrival {
    bool arrived = false;
    std::uint32_t index = 0;
    std::uint32_t round = 0;
  };

  explicit SharedBarrierState(std::uint64_t parties) noexcept : parties_(parties) {}
  /// Comes, if that is to be done yet, and looks what became of the round. `last`: the others wait for `finish`.
  Step arrive(Arrival& arrival, SharedWait* wait) noexcept;
  /// Ends the round of an arrival, as complete or broken, if it is not over.
  void finish(const Arrival& arrival, bool complete) noexcept;
  void abort() noexcept;
  void reset() noexcept;

  std::size_t parties() const noexcept { return parties_; }
  std::size_t arrived() const noexcept { return word_.load(std::memory_order_relaxed) & kArrived; }
  bool broken() const noexcept { return word_.load(std::memory_order_relaxed) & kBroken; }

 private:
  // From the lowest bit: who has come, two flags, what became of the last rounds (1: complete; the last one lowest),
  // and the number of the round.
  static constexpr std::uint64_t kArrived = 0xFFFF, kBroken = 1 << 16, kActing = 1 << 17;
  static constexpr int kHistory = 18, kRound = 40;
  static constexpr std::uint32_t kRemembered = kRound - kHistory;
  static std::uint64_t next_round(std::uint64_t word, bool complete) noexcept;
  Step outcome(std::uint64_t word, std::uint32_t round) const noexcept;
  bool somebody_died(std::uint64_t word) const noexcept;

  Atomic<std::uint64_t> word_{0};
  const std::uint64_t parties_;
  SharedGate gate_;
  /// The processes of those who have come in this round.
  Atomic<ProcessSlot> who_[kMostParties]{};
};

}  // namespace detail

namespace shared {

/// Holds a fixed number of strands of several processes until all of them have come, again and again
/// (multiprocessing.Barrier). A handle: copies are the same Barrier, also in another process. In a task `co_await
/// barrier.wait()`, in a thread `sync_wait(barrier.wait())`. A party whose process dies while it waits breaks the
/// Barrier, within a second. Orders: what every party did before its wait happens before every wait ends. Lifetime: the
/// handle outlives its operations.
class Barrier {
 public:
  /// For `parties` strands (std::logic_error if 0 or more than 1024). When all have come, the last one calls `action()`
  /// before anybody goes on; what it throws comes out of that one's wait, and breaks the Barrier. The action does not
  /// cross: another process gets the Barrier without it. Throws std::system_error.
  explicit Barrier(std::size_t parties, std::function<void()> action = {});

  /// Waits for the other parties; gives the caller's index in the order of arrival. In a task `co_await`, in a thread
  /// `sync_wait`. Throws BrokenBarrierError if it is broken, or becomes it. On cancel: breaks the Barrier; if all had
  /// come, the wait ends as usual, and the next checkpoint throws.
  [[nodiscard]] auto wait() const { return Wait(*this); }
  /// Breaks it: who waits, and who comes before the next `reset`, gets BrokenBarrierError. From any strand.
  void abort() const noexcept { state().abort(); }
  /// Makes it as new; who waits gets BrokenBarrierError. From any strand.
  void reset() const noexcept { state().reset(); }

  /// How many strands make a round.
  std::size_t parties() const noexcept { return state().parties(); }
  /// How many of them wait for the others. The answer may be stale.
  std::size_t n_waiting() const noexcept { return state().arrived(); }
  /// Whether it is broken. The answer may be stale.
  bool broken() const noexcept { return state().broken(); }

 private:
  friend Codec<Barrier>;
  using Step = detail::SharedBarrierState::Step;

  class Wait : public detail::SharedLeaf<Wait> {
   public:
    explicit Wait(const Barrier& barrier)
        : SharedLeaf(detail::WaitKind::primitive, barrier.handle_.segment(), nullptr), barrier_(&barrier) {
      detail::Family::self();
    }
    bool attempt(detail::SharedWait* wait) noexcept {
      step_ = barrier_->state().arrive(arrival_, wait);
      return step_ != Step::wait;
    }
    bool promising() const noexcept { return true; }
    void leave() noexcept {
      if (arrival_.arrived) barrier_->state().finish(arrival_, false);
    }
    bool give_back() noexcept {
      if (step_ != Step::last) return false;
      leave();
      return true;
    }
    std::size_t take();

   private:
    const Barrier* barrier_;
    detail::SharedBarrierState::Arrival arrival_;
    Step step_ = Step::wait;
  };

  explicit Barrier(const detail::SharedHandle& handle) noexcept : handle_(handle) {}
  detail::SharedBarrierState& state() const noexcept { return handle_.at<detail::SharedBarrierState>(); }

  detail::SharedHandle handle_;
  std::shared_ptr<const std::function<void()>> action_;
};

}  // namespace shared

/// A Barrier crosses as its memory file: both processes have the same Barrier.
template <>
struct Codec<shared::Barrier> {
  static void write(Encoder& encoder, const shared::Barrier& barrier) { barrier.handle_.write(encoder); }
  static shared::Barrier read(Decoder& decoder);
};

}  // namespace plait
