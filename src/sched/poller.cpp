// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/poller.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "epoll_poller.hpp"
#include "plait/base/contract.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/scope.hpp"
#include "plait/sched/pool_io.hpp"
#include "uring_poller.hpp"

namespace plait::detail {

static_assert(IoOperation::kAborted == -ECANCELED && IoOperation::kClosed == -EBADF);

Atomic<IoOperation*>& IoOperation::slot() const noexcept { return reads() ? descriptor->reader : descriptor->writer; }

bool IoOperation::enter(Strand& self) {
  if (!check(self)) return false;
  if (!descriptor) return true;
  fd = descriptor->fd.get();
  take_place();
  return true;
}

bool IoOperation::check(Strand& self) noexcept {
  strand = &self;
  pass(Point::checkpoint, descriptor);
  if (!self.cancelled()) [[likely]]
    return true;
  descriptor = nullptr;
  result = kAborted;
  return false;
}

void IoOperation::take_place() {
  IoOperation* other = nullptr;
  // Relaxed: the slot tells apart who may not be there at the same time; it publishes nothing.
  if (slot().compare_exchange_strong(other, this, std::memory_order_relaxed)) [[likely]]
    return;
  std::string sentence = descriptor->describe() + ": another strand " + (reads() ? "reads from" : "writes to") +
                         " it already (1 waits); one reader and one writer at a time.";
  descriptor = nullptr;
  misuse(sentence);
}

bool IoOperation::leave_at_once(Strand& self, std::coroutine_handle<> frame, const void* at) noexcept {
  if (self.spend()) [[likely]]
    return false;
  self.resume_point = frame;
  self.record->suspend(WaitKind::yield, at);
  self.scheduler->schedule_here(self);
  return true;
}

void IoOperation::park(Strand& self, std::coroutine_handle<> frame, const void* at) noexcept {
  pass(Point::park, descriptor);
  self.resume_point = frame;
  self.record->suspend(WaitKind::io, at, descriptor);
  self.waiting = this;
}

bool IoOperation::begin(Strand& self, std::coroutine_handle<> frame, const void* at) {
  if (self.home) [[unlikely]]
    return begin_on_pool(self, frame, at);
  if (!enter(self)) return false;
  if (fd < 0 && kind != Kind::open) {
    result = kClosed;
    return false;
  }
  Poller& target = self.scheduler->poller();
  // Completion comes from the poller's `wait`, on this thread, so there is time to publish after the start.
  if (target.start(*this)) return leave_at_once(self, frame, at);
  poller = &target;
  park(self, frame, at);
  return true;
}

void IoOperation::start_here() noexcept {
  Poller& target = loop().poller();
  if (target.start(*this)) return complete(result);
  poller = &target;
}

void IoOperation::end() {
  if (strand->home) [[unlikely]] {
    end_on_pool();
  } else {
    strand->waiting = nullptr;
    if (descriptor) slot().store(nullptr, std::memory_order_relaxed);
  }
  if (result == kAborted) [[unlikely]]
    throw Cancelled{};
}

bool IoOperation::abort_io(Operation& operation) noexcept {
  auto& io = static_cast<IoOperation&>(operation);
  if (io.is_elsewhere()) [[unlikely]] {
    io.ask_to_abort();
    return false;
  }
  if (!io.poller || !io.poller->abort(io)) return false;
  io.result = kAborted;
  io.poller = nullptr;
  return true;
}

void IoOperation::end_by_close() noexcept {
  descriptor = nullptr;
  // It is over already, or a cancel was first.
  if (strand->waiting != this) return;
  closed = true;
  if (!abort(*this)) return;
  strand->waiting = nullptr;
  result = kClosed;
  strand->unpark();
}

void IoDescriptor::close_or_fail() noexcept {
  try {
    close();
  } catch (const std::logic_error& error) {
    plait::detail::fail(error.what());
  }
}

/// Whether an operation is being tried on a pool's worker. With the lock held.
bool IoDescriptor::is_tried() const noexcept {
  for (const Atomic<IoOperation*>* slot : {&reader, &writer}) {
    const IoOperation* operation = slot->load(std::memory_order_relaxed);
    if (operation && operation->strand->home && !operation->sent_) return true;
  }
  return false;
}

/// Takes the number away, so that nobody begins with it, and waits until no worker is using it.
os::Fd IoDescriptor::take_number(Pools& pools) {
  os::Fd number;
  for (bool tried = true; tried;) {
    {
      const DescriptorGuard guard(this);
      pools = {};
      for (Atomic<IoOperation*>* slot : {&reader, &writer}) {
        IoOperation* operation = slot->load(std::memory_order_relaxed);
        if (!operation) continue;
        if (operation->strand->home) {
          (slot == &reader ? pools.reading : pools.writing) = &PoolIo::of(*operation->strand);
        } else if (operation->strand->scheduler != Scheduler::current()) {
          misuse(describe() +
                 ": closed while a strand of another event loop waits for it (1 waits); cancel that first.");
        }
      }
      if (fd.valid()) number = std::move(fd);
      tried = is_tried();
    }
    if (tried) yield_processor();
  }
  return number;
}

void IoDescriptor::close() {
  Pools pools;
  const os::Fd number = take_number(pools);
  for (Atomic<IoOperation*>* slot : {&reader, &writer}) {
    if ((slot == &reader ? pools.reading : pools.writing) != nullptr) continue;
    IoOperation* operation = slot->load(std::memory_order_relaxed);
    if (!operation) continue;
    operation->end_by_close();
    if (operation->poller) operation->poller->flush();
    slot->store(nullptr, std::memory_order_relaxed);
  }
  if (pools.reading) pools.reading->end_waits(*this, number.get());
  if (pools.writing && pools.writing != pools.reading) pools.writing->end_waits(*this, number.get());
  // Somebody may also wait for it as for a foreign descriptor.
  if (Scheduler* here = number.valid() ? Scheduler::current() : nullptr) here->poller().forget(number.get());
  registration.store(0, std::memory_order_relaxed);
}

void IoDescriptor::explain(std::int64_t /*result*/, std::string_view /*verb*/) const {}

// Also told when descriptors have run out, and UndefinedBehaviorSanitizer needs one to look at an object's type.
__attribute__((no_sanitize("vptr"))) void IoDescriptor::fail(std::int64_t result, std::string_view verb,
                                                             const IoDescriptor* descriptor) {
  if (descriptor) descriptor->explain(result, verb);
  std::string what(verb);
  what += descriptor ? " " + descriptor->describe() : " a stream that was closed meanwhile";
  os::throw_error(static_cast<int>(-result), what);
}

namespace {

/// Asks the kernel once; says so on stderr if it refuses.
bool uring_granted() {
#ifdef PLAIT_HAVE_LIBURING
  const int error = os::Uring::probe();
  const std::string reason = error ? std::generic_category().message(error) : std::string();
#else
  const std::string reason = "this build has no liburing";
#endif
  if (reason.empty()) return true;
  std::fprintf(stderr, "plait: io_uring is not available (%s); epoll is used.\n", reason.c_str());
  return false;
}

}  // namespace

std::string_view poller_name(std::string_view choice) {
  if (choice.empty()) {
    const char* chosen = std::getenv("PLAIT_POLLER");
    choice = chosen ? chosen : "";
  }
  if (choice.empty() || choice == "epoll") return "epoll";
  if (choice == "io_uring") {
    static const bool granted = uring_granted();
    return granted ? "io_uring" : "epoll";
  }
  throw std::invalid_argument("plait: unknown poller \"" + std::string(choice) + "\"; there are epoll and io_uring");
}

std::unique_ptr<Poller> make_poller(std::string_view name) {
#ifdef PLAIT_HAVE_LIBURING
  if (name == "io_uring") return std::make_unique<UringPoller>();
#endif
  if (name != "epoll") throw std::invalid_argument("plait: no poller \"" + std::string(name) + "\" in this build");
  return std::make_unique<EpollPoller>();
}

}  // namespace plait::detail
