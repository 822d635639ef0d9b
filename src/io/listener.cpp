// SPDX-License-Identifier: BSL-1.0
//
// Idea. An accept is one operation of the kernel. A failure for want of descriptors leaves the connection in the queue
// and the listener readable, so whoever tries again at once spins; the next accept therefore begins with a timer, in
// the place of the operation, which starts it when it fires. A cancel finds one or the other.
#include "plait/io/listener.hpp"

#include <cerrno>
#include <chrono>

#include "plait/base/contract.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/scheduler.hpp"

namespace plait {
namespace detail {
namespace {

constexpr Duration kRest = std::chrono::milliseconds(50);

}  // namespace

bool out_of_resources(std::int64_t result) noexcept {
  return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

bool Accept::abort_accept(Operation& operation) noexcept {
  auto& self = static_cast<Accept&>(operation);
  if (self.is_elsewhere() || !self.Timer::linked()) return abort_io(operation);
  self.loop().disarm(self);
  self.result = kAborted;
  return true;
}

bool Accept::begin_accept(Strand& self, std::coroutine_handle<> frame, const void* at) {
  buffer = &peer_;
  auto& listener = static_cast<ListenerState&>(*descriptor);
  if (listener.rests_until.load(std::memory_order_relaxed) == TimePoint{}) [[likely]]
    return begin(self, frame, at);
  if (self.home) {
    return begin_on_pool(self, frame, at, [](Work& work) {
      auto& accept = static_cast<Accept&>(static_cast<IoOperation&>(work));
      if (accept.arrive()) accept.rest();
    });
  }
  if (!listener.fd.valid()) return begin(self, frame, at);
  if (!enter(self)) return false;
  park(self, frame, at);
  rest();
  return true;
}

void Accept::rest() noexcept {
  auto& listener = static_cast<ListenerState&>(*descriptor);
  const TimePoint until = listener.rests_until.exchange(TimePoint{}, std::memory_order_relaxed);
  fire = [](Timer& timer) noexcept { static_cast<Accept&>(timer).start_here(); };
  loop().arm(*this, until);
}

Stream Accept::take() {
  if (result < 0) {
    if (descriptor && out_of_resources(result)) {
      static_cast<ListenerState*>(descriptor)->rests_until.store(add(now(), kRest), std::memory_order_relaxed);
    }
    IoDescriptor::fail(result, "accept on", descriptor);
  }
  os::Fd fd(static_cast<int>(result));
  if (descriptor) return static_cast<ListenerState*>(descriptor)->accepted(std::move(fd), peer_);
  return Stream(std::make_shared<SocketState>(std::move(fd), peer_));
}

}  // namespace detail

void Listener::refuse_moved_from() { detail::misuse("Listener: it was moved from and holds no socket."); }

}  // namespace plait
