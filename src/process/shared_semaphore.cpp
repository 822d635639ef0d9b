// SPDX-License-Identifier: BSL-1.0
#include "plait/process/shared_semaphore.hpp"

#include <algorithm>
#include <string>

#include "plait/base/contract.hpp"

namespace plait {
namespace detail {

bool SharedSemaphoreState::take() noexcept {
  if (gate.lets_others_pass()) return false;
  std::int64_t before = free.load(std::memory_order_seq_cst);
  while (before > 0) {
    // Acquire pairs with the release in give().
    if (free.compare_exchange_weak(before, before - 1, std::memory_order_acquire, std::memory_order_relaxed))
      return true;
  }
  return false;
}

void SharedSemaphoreState::give(std::int64_t n) {
  std::int64_t before = free.load(std::memory_order_relaxed);
  do {
    if (n < 1 || n > limit - before) {
      misuse("shared::Semaphore::release(" + std::to_string(n) + ") is refused: " + std::to_string(before) +
             " permit(s) are free, and at most " + std::to_string(limit) + " may be.");
    }
    // Sequentially consistent, as notify() asks for.
  } while (!free.compare_exchange_weak(before, before + n, std::memory_order_seq_cst, std::memory_order_relaxed));
  gate.notify(static_cast<int>(std::min<std::int64_t>(n, std::numeric_limits<int>::max())));
}

}  // namespace detail

namespace shared {

Semaphore::Semaphore(std::ptrdiff_t permits, std::ptrdiff_t limit)
    : handle_(detail::SharedSegment::create(detail::SharedKind::semaphore, 0, sizeof(detail::SharedSemaphoreState)),
              0) {
  if (permits < 0) detail::misuse("a shared::Semaphore can't begin with fewer permits than none.");
  new (&state()) detail::SharedSemaphoreState{.free = permits, .limit = limit, .gate = {}};
}

}  // namespace shared

shared::Semaphore Codec<shared::Semaphore>::read(Decoder& decoder) {
  return shared::Semaphore(
      detail::SharedHandle::read(decoder, detail::SharedKind::semaphore, sizeof(detail::SharedSemaphoreState)));
}

}  // namespace plait
