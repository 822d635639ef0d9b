// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"

namespace plait::detail {

class Strand;

/// What became of an operation.
enum class Claim : std::uint8_t {
  waiting,  ///< nobody has decided
  granted,  ///< it happened
  aborted,  ///< it did not happen, and never will
};

/// One suspended leaf operation, as its canceller sees it.
class Operation {
 public:
  /// Called at most once per suspension [W7], by the strand's canceller. True: the operation is unlinked, its claim is
  /// `aborted`, and the caller resumes the strand. False: not now, it completes by itself; or it had been granted and
  /// gave that back, then its claim is `aborted` and the grant resumes the strand [W10].
  using Abort = bool (*)(Operation&) noexcept;

  explicit Operation(Abort abort) noexcept : abort(abort) {}
  /// An operation may be moved until it is started, so that it can be handed to a combinator.
  Operation(Operation&& other) noexcept : abort(other.abort) {}
  Operation& operator=(const Operation&) = delete;

  const Abort abort;
  /// Who waits. Set before the operation is queued.
  Strand* strand = nullptr;
};

/// An operation in the queue of a primitive. The queue's lock guards the link; whoever unlinks the waiter under that
/// lock has claimed it [W3].
class Waiter : public Operation, public Link {
 public:
  using Operation::Operation;
  Waiter(Waiter&& other) noexcept : Operation(std::move(other)), Link() {}
  Waiter& operator=(const Waiter&) = delete;

  Claim claim() const noexcept {
    // Acquire pairs with the release in settle(): what the granter did before is visible.
    return claim_.load(std::memory_order_acquire);
  }
  /// Decides. A thread that waits may go on from here, so its strand's address is read before.
  void settle(Claim claim) noexcept { claim_.store(claim, std::memory_order_release); }
  /// Settles as granted, under the primitive's lock: the last touch of the waiter by its granter, who unparks the
  /// strand, which this gives, after it has let go of the lock.
  Strand& choose() noexcept {
    Strand& chosen = *strand;
    settle(Claim::granted);
    return chosen;
  }
  /// Settles as granted and makes the strand ready. The last touch of the waiter by its granter.
  void grant() noexcept;

 private:
  Atomic<Claim> claim_{Claim::waiting};
};

}  // namespace plait::detail
