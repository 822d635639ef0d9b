// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/injection_queue.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "plait/core/frame_allocator.hpp"

namespace plait::detail {

struct InjectionQueue::Chunk : FrameAllocated {
  static constexpr std::size_t kSize = 63;
  Chunk* next = nullptr;
  Work* work[kSize];
};

InjectionQueue::~InjectionQueue() {
  while (first_) delete std::exchange(first_, first_->next);
}

/// False if there is no room. With the lock.
bool InjectionQueue::put(Work& work) noexcept {
  if (!unstored_.empty()) {
    unstored_.push(work);
  } else if (last_ && end_ < Chunk::kSize) {
    last_->work[end_++] = &work;
  } else {
    return false;
  }
  size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return true;
}

bool InjectionQueue::push(Work& work, State at_most) noexcept {
  {
    const std::scoped_lock guard(lock_);
    if (state_.load(std::memory_order_relaxed) > at_most) return false;
    if (put(work)) return true;
  }
  std::unique_ptr<Chunk> chunk;
  try {
    chunk = std::make_unique<Chunk>();
  } catch (const std::bad_alloc&) {
  }
  const std::scoped_lock guard(lock_);
  if (state_.load(std::memory_order_relaxed) > at_most) return false;
  if (put(work)) return true;
  if (chunk) {
    Chunk* fresh = chunk.release();
    (last_ ? last_->next : first_) = fresh;
    last_ = fresh;
    end_ = 0;
    return put(work);
  }
  unstored_.push(work);
  size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return true;
}

std::size_t InjectionQueue::take(std::span<Work*> out, std::size_t shares) noexcept {
  std::unique_ptr<Chunk> drained;
  std::size_t count = 0;
  {
    const std::scoped_lock guard(lock_);
    const std::size_t all = size_.load(std::memory_order_relaxed);
    const std::size_t share = std::min(out.size(), (all + shares - 1) / shares);
    while (count < share) {
      const std::size_t end = first_ == last_ ? end_ : Chunk::kSize;
      if (begin_ < end) {
        out[count++] = first_->work[begin_++];
      } else if (first_ == last_) {
        out[count++] = unstored_.pop();
      } else if (drained) {
        break;
      } else {
        drained.reset(std::exchange(first_, first_->next));
        begin_ = 0;
      }
    }
    if (first_ == last_ && begin_ == end_) begin_ = end_ = 0;
    size_.store(all - count, std::memory_order_relaxed);
  }
  return count;
}

void InjectionQueue::close() noexcept {
  const std::scoped_lock guard(lock_);
  if (!closed()) state_.store(State::closed, std::memory_order_relaxed);
}

bool InjectionQueue::end_if_empty() noexcept {
  const std::scoped_lock guard(lock_);
  if (!empty()) return false;
  state_.store(State::ended, std::memory_order_relaxed);
  return true;
}

}  // namespace plait::detail
