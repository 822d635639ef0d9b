// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace plait::detail {

/// Something that a scheduler runs once: a strand to resume (`run` is null) or a posted callback. Intrusive, so that
/// scheduling allocates nothing. It is in at most one queue at a time.
struct Work {
  Work* next_work = nullptr;
  void (*run)(Work&) = nullptr;
};

/// First in, first out; one thread.
class WorkQueue {
 public:
  bool empty() const noexcept { return head_ == nullptr; }
  Work* front() const noexcept { return head_; }

  void push(Work& work) noexcept {
    work.next_work = nullptr;
    if (head_) {
      tail_->next_work = &work;
    } else {
      head_ = &work;
    }
    tail_ = &work;
  }

  Work* pop() noexcept {
    Work* first = head_;
    if (first) head_ = first->next_work;
    return first;
  }

  /// Takes the `n`-th element out (0 is the front; past the end counts as the last). Linear; for seeded schedules.
  Work* pop_nth(unsigned n) noexcept {
    Work *before = nullptr, *at = head_;
    while (at && n-- > 0 && at->next_work) {
      before = at;
      at = at->next_work;
    }
    if (!before) return pop();
    before->next_work = at->next_work;
    if (tail_ == at) tail_ = before;
    return at;
  }

 private:
  Work* head_ = nullptr;
  Work* tail_ = nullptr;
};

}  // namespace plait::detail
