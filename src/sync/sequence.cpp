// SPDX-License-Identifier: BSL-1.0
//
// Idea. One spin lock guards the number, what belongs to it, and the list of waiters. Who waits looks at the number
// under the lock before it links itself, and who advances it takes the whole list in the section in which it counts,
// so no wake-up is lost. The waiters are then granted one by one, each under the lock, so that a cancel meanwhile finds
// its waiter either linked, in whichever list, or decided.
#include "plait/sync/sequence.hpp"

#include <string>

#include "plait/base/contract.hpp"

namespace plait::detail {

Sequence::~Sequence() {
  // The lock is waited for: who granted the last waiter may still be about to let go of it.
  std::scoped_lock guard(lock_);
  if (waiters_.empty()) [[likely]]
    return;
  fail("a " + std::string(name_) + " was destroyed with " + std::to_string(waiters_.size()) +
       " waiter(s); end their waits by shutdown() or a cancel before it dies.");
}

bool Sequence::is_beyond(std::uint64_t seen, Waiter* waiter) noexcept {
  std::scoped_lock guard(lock_);
  if (number_ > seen || ended_) return true;
  if (waiter) waiters_.push_back(*waiter);
  return false;
}

bool Sequence::Beyond::withdraw() noexcept {
  std::scoped_lock guard(sequence_->lock_);
  if (!linked()) return false;
  unlink();
  return true;
}

void Sequence::end() noexcept {
  Waiters ready;
  {
    std::scoped_lock guard(lock_);
    ended_ = true;
    ready.splice_back(waiters_);
  }
  release(ready);
}

std::size_t Sequence::waiting() const noexcept {
  std::scoped_lock guard(lock_);
  return waiters_.size();
}

void Sequence::release(Waiters& ready) noexcept {
  for (bool more = true; more;) {
    Strand* woken = nullptr;
    {
      std::scoped_lock guard(lock_);
      Waiter* first = ready.pop_front();
      if (!first) return;
      woken = &first->choose();
      more = !ready.empty();  // read here: the last one to be granted may destroy the Sequence
    }
    woken->unpark();
  }
}

}  // namespace plait::detail
