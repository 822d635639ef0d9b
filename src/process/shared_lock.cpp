// SPDX-License-Identifier: BSL-1.0
#include "plait/process/shared_lock.hpp"

#include "plait/base/contract.hpp"

namespace plait {
namespace shared {

Lock::Lock() : handle_(detail::SharedSegment::create(detail::SharedKind::lock, 0, sizeof(detail::SharedLockState)), 0) {
  new (&state()) detail::SharedLockState;
}

bool Lock::lock_slow(TimePoint deadline) const {
  Acquiring<void> acquiring(*this);
  if (!acquiring.wait_regardless(deadline)) return false;
  acquiring.take();
  return true;
}

void Lock::refuse_release() {
  detail::misuse("shared::Lock::release(): this process does not hold the Lock; who has taken it releases it, once.");
}

}  // namespace shared

shared::Lock Codec<shared::Lock>::read(Decoder& decoder) {
  return shared::Lock(detail::SharedHandle::read(decoder, detail::SharedKind::lock, sizeof(detail::SharedLockState)));
}

}  // namespace plait
