// SPDX-License-Identifier: BSL-1.0
//
// Idea. A thread that Plait started has its state for an identity. Any other gets one when it first asks, and keeps it
// until its thread-local objects are destroyed. The main thread's is there from the beginning and for good.
#include "plait/thread/thread_identity.hpp"

#include <cxxabi.h>

#include <climits>

#include "plait/core/thread_strand.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/thread.hpp"
#include "thread_registry.hpp"

namespace plait::detail {
namespace {

[[gnu::tls_model("initial-exec")]] constinit thread_local ThreadIdentity* foreign = nullptr;

void end_foreign(void* identity) {
  foreign = nullptr;
  auto& ended = *static_cast<ThreadIdentity*>(identity);
  ended.end_here();
  ThreadRegistry::instance().remove_foreign(ended);
}

}  // namespace

void ThreadIdentity::release() noexcept {
  // Release and acquire: whoever frees it sees what the others did.
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void ThreadIdentity::set_native_id(std::uint32_t id) noexcept {
  if (native_id_.exchange(id, std::memory_order_acq_rel) == kWanted) os::futex_wake(native_id_, INT_MAX);
}

int ThreadIdentity::native_id() noexcept {
  std::uint32_t id = native_id_.load(std::memory_order_acquire);
  while ((id == 0 || id == kWanted) && started()) {
    if (id == kWanted || native_id_.compare_exchange_strong(id, kWanted, std::memory_order_acq_rel)) {
      os::futex_wait(native_id_, kWanted, kNever);
    }
    id = native_id_.load(std::memory_order_acquire);
  }
  return id == kWanted ? 0 : static_cast<int>(id);
}

void ThreadIdentity::begin(std::uint64_t ident, int native_id) noexcept {
  if (this->ident() == 0) ident_.store(ident, std::memory_order_relaxed);
  set_native_id(static_cast<std::uint32_t>(native_id));
  if (!ended()) phase_.store(Phase::started, std::memory_order_release);
}

void ThreadIdentity::begin_here() noexcept { begin(this_thread_strand().record->id, os::thread_id()); }

[[gnu::noinline]] ThreadIdentity* this_thread_identity_if_any() noexcept {
  if (ThreadState* state = this_thread_state()) return state;
  return foreign;
}

[[gnu::noinline]] ThreadIdentity& this_thread_identity() {
  if (ThreadIdentity* known = this_thread_identity_if_any()) return *known;
  this_thread_strand();  // made first, so that it outlives the identity
  if (os::is_main_thread()) {
    foreign = &ThreadRegistry::instance().main();
  } else {
    foreign = new ThreadIdentity(os::name_of_this_thread(), false);
    ThreadRegistry::instance().add_foreign(*foreign);
    // Not a thread-local object: a thread whose objects are gone already may ask once more.
    static const char in_this_library = 0;
    abi::__cxa_thread_atexit(end_foreign, foreign, const_cast<char*>(&in_this_library));
  }
  foreign->begin_here();
  return *foreign;
}

}  // namespace plait::detail
