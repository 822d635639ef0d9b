// SPDX-License-Identifier: BSL-1.0
//
// Idea. A poller belongs to one thread, and a pool's strand to none. So a strand tries on its worker, and what would
// block it sends to a loop that does nothing but I/O. The operation is its own message: the loop starts it, completes
// it, and the strand goes back to the pool. A cancel may come from any thread at any time, and must not touch the
// poller: it marks the operation and, if that has arrived, sends it once more. A close asks the loop and waits for the
// answer.
//
// Invariants. 1. An operation is in the loop's queue at most once. 2. Its strand is made ready once, by the loop, when
// the operation is over and no message of it is on its way: so nobody ever looks at a frame that went on. 3. A
// canceller holds the strand's wait lock, and the strand takes that before it goes on. 4. An operation in a
// descriptor's slot lives as long as the descriptor's lock is held, for it leaves the slot under that lock; one that is
// tried on its worker is in the slot and not `sent_`, so a close waits until it is through with the number. 5. The loop
// stands still for nobody, so to wait for its answer is safe whatever the asker holds, but wait locks and descriptors'
// locks.
#include "plait/sched/pool_io.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>

#include "io_call.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/os/epoll.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/os/socket.hpp"
#include "plait/sched/event_loop.hpp"

namespace plait::detail {
namespace {

constexpr std::size_t kLocks = 64;

struct alignas(64) DescriptorLock {
  SpinLock lock;
};
constinit std::array<DescriptorLock, kLocks> descriptor_locks{};

/// Another thread may have held one.
[[gnu::constructor(os::kWatchForks)]] void watch_forks() {
  os::in_each_forked_child([] {
    for (DescriptorLock& one : descriptor_locks) new (&one) DescriptorLock;
  });
}

bool is_foreign(const IoOperation& operation) noexcept { return operation.kind <= IoOperation::Kind::writable; }

}  // namespace

std::uint8_t DescriptorGuard::number_of(const void* descriptor) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(descriptor);
  return static_cast<std::uint8_t>((address >> 5 ^ address >> 12) % kLocks);
}

SpinLock& DescriptorGuard::lock_of(std::uint8_t number) noexcept { return descriptor_locks[number].lock; }

// ---- An operation, on its worker ----

bool IoOperation::begin_on_pool(Strand& self, std::coroutine_handle<> frame, const void* at,
                                void (*on_arrival)(Work&)) {
  if (!check(self)) return false;
  lock_number_ = DescriptorGuard::number_of(descriptor ? static_cast<const void*>(descriptor) : this);
  if (descriptor) {
    const DescriptorGuard guard(*this);
    fd = descriptor->fd.get();
    if (fd >= 0) {
      take_place();
      placed_ = true;
    }
  }
  if (fd < 0 && kind != Kind::open) {
    result = kClosed;
    return false;
  }
  if (!on_arrival) {
    if (attempt_here()) {
      leave_place();
      return leave_at_once(self, frame, at);
    }
    on_arrival = [](Work& work) {
      auto& operation = static_cast<IoOperation&>(work);
      if (operation.arrive()) operation.start_here();
    };
  }
  try {
    PoolIo::of(self).open();
  } catch (...) {
    leave_place();
    throw;
  }
  pass(Point::park, descriptor);
  self.resume_point = frame;
  self.record->suspend(WaitKind::io, at, descriptor);
  run = on_arrival;
  if (PoolIo::of(self).start(*this)) {
    self.record->set(StrandState::running);
    return false;
  }
  return true;
}

/// Whether it is over without waiting.
bool IoOperation::attempt_here() noexcept {
  if (is_foreign(*this)) {
    const std::int64_t now = os::poll_now(fd, reads() ? os::kEpollIn : os::kEpollOut);
    result = now < 0 ? now : 0;
    return now != 0;
  }
  if (!descriptor || kind == Kind::connect || kind == Kind::open) return false;
  pass(Point::primitive, descriptor);
  const std::int64_t outcome = call_now(*this);
  if (would_block(outcome)) return false;
  result = outcome;
  return true;
}

void IoOperation::leave_place() noexcept {
  if (!std::exchange(placed_, false)) return;
  const DescriptorGuard guard(*this);
  if (descriptor) slot().store(nullptr, std::memory_order_relaxed);
}

bool PoolIo::start(IoOperation& operation) noexcept {
  Strand& strand = *operation.strand;
  {
    const DescriptorGuard guard(operation);
    const std::scoped_lock wait(strand.wait_lock);
    if (strand.cancelled()) {
      operation.result = IoOperation::kAborted;
      return true;
    }
    strand.waiting = &operation;
    operation.sent_ = operation.on_its_way_ = true;
    if (is_foreign(operation)) foreign_.fetch_add(1, std::memory_order_relaxed);
  }
  // From here on it may be over at any time, and its frame gone.
  loop().post(operation);
  return false;
}

void IoOperation::end_on_pool() noexcept {
  // A canceller is through with it after this, and a close after that.
  if (sent_) strand->publish(nullptr);
  leave_place();
}

void IoOperation::ask_to_abort() noexcept { PoolIo::of(*strand).abort(*this); }

bool PoolIo::abort(IoOperation& operation) noexcept {
  if (operation.over_) return false;
  operation.cancelled_ = true;
  if (std::exchange(operation.on_its_way_, true)) return false;
  operation.run = [](Work& work) { static_cast<IoOperation&>(work).arrive_to_abort(); };
  loop().post(operation);
  return false;
}

// ---- An operation, on the loop ----

bool IoOperation::is_elsewhere() const noexcept { return strand->home && !PoolIo::of(*strand).is_here(); }

Scheduler& IoOperation::loop() const noexcept { return strand->home ? PoolIo::of(*strand).loop() : *strand->scheduler; }

bool IoOperation::arrive() noexcept {
  bool cancelled = false;
  {
    const std::scoped_lock guard(strand->wait_lock);
    on_its_way_ = false;
    cancelled = cancelled_;
  }
  arrived_ = true;
  if (!cancelled && !closed) return true;
  complete(closed ? kClosed : kAborted);
  return false;
}

void IoOperation::arrive_to_abort() noexcept {
  Strand& self = *strand;
  bool over = false;
  {
    const std::scoped_lock guard(self.wait_lock);
    on_its_way_ = false;
    over = over_;
  }
  if (over) return self.unpark();
  if (abort(*this)) complete(kAborted);
}

/// It is over: resumes the strand, or leaves that to the message that is on its way.
void IoOperation::conclude() noexcept {
  Strand& self = *strand;
  if (is_foreign(*this)) PoolIo::of(self).foreign_.fetch_sub(1, std::memory_order_relaxed);
  bool last = false;
  {
    const std::scoped_lock guard(self.wait_lock);
    over_ = true;
    last = !on_its_way_;
  }
  if (last) self.unpark();
}

/// Its descriptor, whose lock is held, is about to be closed. True: it is out of flight, and the caller completes it.
bool IoOperation::close_here() noexcept {
  {
    const std::scoped_lock guard(strand->wait_lock);
    if (over_) return false;
    closed = !cancelled_;
  }
  return arrived_ && abort(*this);
}

void PoolIo::end_waits_here(IoDescriptor& descriptor) noexcept {
  std::array<IoOperation*, 2> ended{};
  {
    const DescriptorGuard guard(&descriptor);
    std::size_t i = 0;
    for (Atomic<IoOperation*>* slot : {&descriptor.reader, &descriptor.writer}) {
      IoOperation* operation = slot->load(std::memory_order_relaxed);
      if (!operation || !operation->strand->home || &PoolIo::of(*operation->strand) != this) continue;
      if (operation->close_here()) ended[i++] = operation;
      operation->descriptor = nullptr;
      slot->store(nullptr, std::memory_order_relaxed);
    }
  }
  for (IoOperation* operation : ended) {
    if (operation) operation->complete(operation->closed ? IoOperation::kClosed : IoOperation::kAborted);
  }
}

// ---- Questions ----

struct PoolIo::Question : Work {
  PoolIo* io = nullptr;
  IoDescriptor* descriptor = nullptr;
  int fd = -1;
  ThreadStrand* asker = nullptr;
  Atomic<bool> answered{false};

  void answer() noexcept {
    if (descriptor) io->end_waits_here(*descriptor);
    Poller& poller = Scheduler::current()->poller();
    poller.forget(fd);
    poller.flush();
    ThreadStrand& thread = *asker;
    // Release pairs with the asker's acquire: the kernel is through with the number.
    answered.store(true, std::memory_order_release);
    thread.parker.unpark();
  }
};

void PoolIo::forget(int fd) noexcept {
  if (foreign_.load(std::memory_order_relaxed) != 0) ask(nullptr, fd);
}

void PoolIo::ask(IoDescriptor* descriptor, int fd) noexcept {
  if (process_ != os::process_id()) return;
  Question question;
  question.run = [](Work& work) { static_cast<Question&>(work).answer(); };
  question.io = this;
  question.descriptor = descriptor;
  question.fd = fd;
  question.asker = &this_thread_strand();
  {
    const std::scoped_lock guard(asking_);
    EventLoop* loop = loop_.load(std::memory_order_relaxed);
    if (!loop) return;  // the pool has ended, and with it all waits
    loop->post(question);
  }
  while (!question.answered.load(std::memory_order_acquire)) question.asker->parker.park(kNever);
}

bool PoolIo::waits_for_files() const noexcept {
  try {
    return poller_name({}) == "io_uring";
  } catch (const std::invalid_argument&) {
    return false;
  }
}

// ---- The thread ----

void PoolIo::begin(StartThread start_thread, void* owner) noexcept {
  start_thread_ = start_thread;
  owner_ = owner;
  process_ = os::process_id();
}

bool PoolIo::is_here() const noexcept {
  Scheduler* here = Scheduler::current();
  return here && here == loop_.load(std::memory_order_relaxed);
}

void PoolIo::open() {
  if (loop_.load(std::memory_order_acquire)) [[likely]]
    return;
  const std::scoped_lock guard(opening_);
  if (loop_.load(std::memory_order_relaxed)) return;
  borrowed_ = &EventLoop::borrow();
  opener_ = &this_thread_strand();
  entered_.store(false, std::memory_order_relaxed);
  try {
    start_thread_(owner_, *this);
  } catch (...) {
    EventLoop::give_back(*borrowed_);
    throw;
  }
  while (!entered_.load(std::memory_order_acquire)) opener_->parker.park(kNever);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void PoolIo::serve() {
  EventLoop& loop = *borrowed_;
  ThreadStrand& opener = *opener_;
  this_thread_strand().context = {};  // that of the strand that came first
  try {
    loop.enter(spawned_);
    end_.came = false;
    loop_.store(&loop, std::memory_order_release);
  } catch (...) {
    error_ = std::current_exception();
  }
  const bool entered = !error_;
  // Release pairs with the acquire in open(), which may throw the error, and let another thread be started.
  entered_.store(true, std::memory_order_release);
  opener.parker.unpark();
  if (entered) {
    loop.drive(end_.came);
    loop.refuse_handles();
    while (!loop.close()) {
    }
    loop.leave();
  }
  EventLoop::give_back(loop);
}

void PoolIo::end() noexcept {
  const std::scoped_lock guard(asking_);
  EventLoop* loop = loop_.exchange(nullptr, std::memory_order_relaxed);
  if (!loop) return;
  end_.run = [](Work& work) { static_cast<End&>(work).came = true; };
  loop->post(end_);
}

}  // namespace plait::detail
