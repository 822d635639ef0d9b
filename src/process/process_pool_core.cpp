// SPDX-License-Identifier: BSL-1.0
//
// Idea. Calls go straight from the thread that submits them into slots that all workers see (call_board.hpp). Results
// are collected by whoever needs them: a thread that waits for one looks for all for a while, and where nobody does,
// the pool's own thread is woken by a bell. That thread is a loop that starts workers, watches their ends, and ends
// those whose calls are cancelled; no call passes through it.
//
// Invariants. 1. A call is pending, in a slot, or ended; it changes under `lock_`, and whoever takes it out ends it. 2.
// A slot is written again only after its call has ended. 3. A worker that is to be killed for a cancelled call is
// dismissed first, and killed only if the call is not done after that, so it never has another one. 4. When a worker is
// gone, what it had done is collected, and what it had begun fails; no other call does. 5. Nothing of a user's is
// called under a lock: results are read and futures completed after.
#include "process_pool_core.hpp"

#include <bit>
#include <cstring>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/clock.hpp"
#include "plait/io/readiness.hpp"
#include "plait/os/processors.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/process/worker_died.hpp"
#include "plait/sched/run.hpp"
#include "plait/thread/program_end.hpp"
#include "pool_worker.hpp"
#include "protocol.hpp"

namespace plait::detail {
namespace {

/// How often a thread that waits for a result looks by itself before it sleeps.
constexpr int kLooks = 2000;
/// Workers that die one after the other before they can make a call; more than somebody who kills at random may hit.
constexpr std::size_t kDeathsAtStart = 10;

struct Pools {
  SpinLock lock;
  IntrusiveList<ProcessPoolCore, Link> all;
};
Pools& pools() noexcept {
  static auto* all = new Pools;
  return *all;
}

std::string pool_name(std::string_view name) {
  static constinit Atomic<unsigned> last{0};
  if (!name.empty()) return std::string(name);
  return "processes" + std::to_string(last.fetch_add(1, std::memory_order_relaxed) + 1);
}

std::size_t pool_size(int size) {
  if (size < 0 || size > static_cast<int>(CallBoard::kMostWorkers)) {
    misuse("ProcessPool: a pool of " + std::to_string(size) + " processes; it may have 1 to " +
           std::to_string(CallBoard::kMostWorkers) + ".");
  }
  if (size > 0) return static_cast<std::size_t>(size);
  return std::min<std::size_t>(static_cast<std::size_t>(os::usable_processors()), CallBoard::kMostWorkers);
}

}  // namespace

ProcessPoolCore::ProcessPoolCore(const ProcessPoolOptions& options)
    : size_(pool_size(options.size)),
      name_(pool_name(options.name)),
      max_tasks_(options.max_tasks),
      initializer_(options.initializer),
      grace_(options.grace),
      process_(os::process_id()),
      board_(CallBoard::create()),
      arena_(Arena::create()) {
  const std::scoped_lock guard(pools().lock);
  pools().all.push_back(*this);
}

ProcessPoolCore::~ProcessPoolCore() {
  const std::scoped_lock guard(pools().lock);
  unlink();
}

bool ProcessPoolCore::forked() const noexcept { return os::process_id() != process_; }

void ProcessPoolCore::close_all() noexcept {
  const std::scoped_lock guard(pools().lock);
  for (ProcessPoolCore* pool = pools().all.front(); pool; pool = pools().all.after(*pool)) {
    if (!pool->forked()) pool->close(false);
  }
}

Thread* ProcessPoolCore::thread() noexcept {
  const std::scoped_lock guard(opening_);
  return thread_ ? &*thread_ : nullptr;
}

// ---- Calls, on their way ----

void ProcessPoolCore::open() {
  if (open_.load(std::memory_order_acquire)) [[likely]]
    return;
  const std::scoped_lock guard(opening_);
  if (thread_) return;
  at_program_end(EndOfProgram::close_pools, &ProcessPoolCore::close_all);
  const std::string name = name_ + "-io";
  thread_.emplace(ThreadOptions{.name = name}, [core = shared_from_this()] { run(core->serve()); });
  try {
    thread_->start();
  } catch (...) {
    thread_.reset();
    throw;
  }
  open_.store(true, std::memory_order_release);
}

bool ProcessPoolCore::submit(PoolOrder& order) {
  if (order.message.descriptors().size() > os::kMostDescriptors) std::rethrow_exception(too_many_descriptors("send"));
  open();
  order.size = order.message.size();
  if (order.size > CallSlot::kRoom) put_into_arena(order);
  std::unique_lock guard(lock_);
  if (broken_ || closed_) {
    const std::exception_ptr broken = broken_;
    guard.unlock();
    if (order.block != 0) arena_.release(order.block);
    if (broken) std::rethrow_exception(broken);
    return false;
  }
  ++in_flight_;
  pending_.push_back(order);
  publish_pending();
  announce(std::move(guard));
  return true;
}

void ProcessPoolCore::put_into_arena(PoolOrder& order) {
  {
    const std::scoped_lock guard(arena_lock_);
    order.block = arena_.allocate(order.size);
  }
  std::memcpy(arena_.at(order.block), order.message.bytes().data(), order.size);
}

void ProcessPoolCore::publish_pending() noexcept {
  while (in_slots_ < CallBoard::kSlots) {
    PoolOrder* order = pending_.pop_front();
    if (!order) return;
    while (orders_[board_.next_slot()]) board_.pass_over();
    publish(*order);
  }
}

void ProcessPoolCore::publish(PoolOrder& order) noexcept {
  const std::uint32_t index = board_.next_slot();
  CallSlot& slot = board_.slot(index);
  slot.size = order.size;
  slot.has_descriptors = !order.message.descriptors().empty();
  if (order.block == 0) {
    slot.place = CallSlot::Place::here;
    std::memcpy(slot.room, order.message.bytes().data(), order.size);
  } else {
    slot.place = CallSlot::Place::arena;
    slot.offset = order.block;
  }
  order.slot = index;
  order.phase = PoolOrder::Phase::in_slot;
  orders_[index] = &order;
  ++in_slots_;
  board_.publish(index);
}

/// Whom to wake for the calls that nobody makes, as bits. A bell is rung if a process more may be started. With the
/// lock held.
std::uint64_t ProcessPoolCore::whom_to_wake() noexcept {
  for (std::uint64_t sleepers = 0;;) {
    const std::size_t asleep = board_.asleep();
    const std::size_t awake = usable_ - std::min<std::size_t>(usable_, asleep);
    if (in_slots_ <= awake) return sleepers;
    if (const std::optional<Number> sleeper = board_.take_sleeper()) {
      sleepers |= std::uint64_t{1} << *sleeper;
      continue;
    }
    if (usable_ < size_ && usable_ < in_flight_) bell_.signal();
    return sleepers;
  }
}

void ProcessPoolCore::announce(std::unique_lock<SpinLock> held) noexcept {
  std::uint64_t sleepers = whom_to_wake();
  held.unlock();
  for (; sleepers != 0; sleepers &= sleepers - 1) board_.wake(static_cast<Number>(std::countr_zero(sleepers)));
}

// ---- Results ----

/// Orders that have their results, and are told so one after the other. A done-callback of one may wait for another,
/// which then is told by the wait itself: nobody else would.
struct ProcessPoolCore::Ending {
  ProcessPoolCore& pool;
  Orders& orders;
  Ending* outer;

  void go_on() noexcept {
    while (PoolOrder* order = orders.pop_front()) {
      if (order->block != 0) pool.arena_.release(order->block);
      order->complete();
    }
  }
};

/// The innermost of this thread.
constinit thread_local ProcessPoolCore::Ending* ProcessPoolCore::ending = nullptr;

bool ProcessPoolCore::has_done() const noexcept {
  const std::size_t used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    const std::uint32_t done = board_.worker(static_cast<Number>(i)).done_count.load(std::memory_order_acquire);
    if (done != workers_[i].seen.load(std::memory_order_relaxed)) return true;
  }
  return false;
}

void ProcessPoolCore::listen(const FutureStateBase& until) noexcept {
  for (Ending* each = ending; each && !until.done(); each = each->outer) each->go_on();
  if (until.done() || has_one_processor()) return;
  board_.listen();
  for (int i = 1; i <= kLooks && !until.done(); ++i) {
    if (!has_done()) {
      wait_turn(i);
      continue;
    }
    // A done-callback may wait for another result, for which nobody would look.
    board_.stop_listening();
    collect();
    if (until.done()) return;
    board_.listen();
  }
  board_.stop_listening();
  collect();
}

void ProcessPoolCore::collect() noexcept {
  Orders done;
  {
    const std::scoped_lock guard(lock_);
    take_done(done);
  }
  if (done.empty()) return;
  for (PoolOrder* order = done.front(); order; order = done.after(*order)) read_result(*order);
  end(done);
}

/// With the lock held.
void ProcessPoolCore::take_done(Orders& done) noexcept {
  for (std::size_t i = 0; i < used_.load(std::memory_order_relaxed); ++i) {
    const CallBoard::Worker& shared = board_.worker(static_cast<Number>(i));
    std::uint32_t seen = workers_[i].seen.load(std::memory_order_relaxed);
    // Acquire: the results are there.
    const std::uint32_t count = shared.done_count.load(std::memory_order_acquire);
    for (; seen != count; ++seen) {
      PoolOrder* order = orders_[shared.done[seen % CallBoard::kSlots] % CallBoard::kSlots];
      if (!order || order->phase != PoolOrder::Phase::in_slot) continue;
      take(*order, done);
    }
    workers_[i].seen.store(seen, std::memory_order_relaxed);
  }
}

/// With the lock held.
void ProcessPoolCore::take(PoolOrder& order, Orders& done) noexcept {
  const CallSlot& slot = board_.slot(order.slot);
  order.phase = PoolOrder::Phase::ended;
  const Worker& worker = workers_[CallSlot::worker_of(slot.state.load(std::memory_order_acquire))];
  if (slot.place == CallSlot::Place::outbox) order.outbox = worker.outbox;
  if (slot.has_descriptors) order.sender = worker.process;
  done.push_back(order);
}

void ProcessPoolCore::read_result(PoolOrder& order) noexcept {
  const CallSlot& slot = board_.slot(order.slot);
  std::vector<os::Fd> descriptors;
  if (order.sender) descriptors = order.sender->take_letter(order.slot);
  if (!order.outbox) {
    Decoder result({slot.room, std::min<std::size_t>(slot.size, CallSlot::kRoom)}, descriptors);
    return order.take(result);
  }
  Decoder result({order.outbox->data() + slot.offset, slot.size}, descriptors);
  order.take(result);
  Arena::release(*order.outbox, slot.offset);
}

/// With the lock held.
void ProcessPoolCore::leave_slot(PoolOrder& order) noexcept {
  if (orders_[order.slot] != &order) return;
  orders_[order.slot] = nullptr;
  --in_slots_;
}

/// All of them have a result or an error.
void ProcessPoolCore::end(Orders& orders) noexcept {
  {
    std::unique_lock guard(lock_);
    for (PoolOrder* order = orders.front(); order; order = orders.after(*order)) {
      order->phase = PoolOrder::Phase::ended;
      leave_slot(*order);
      --in_flight_;
    }
    publish_pending();
    if (closed_ && in_flight_ == 0) bell_.signal();
    announce(std::move(guard));
  }
  Ending here{*this, orders, ending};
  ending = &here;
  here.go_on();
  ending = here.outer;
}

void ProcessPoolCore::fail(Orders& orders, const std::exception_ptr& error) noexcept {
  for (PoolOrder* order = orders.front(); order; order = orders.after(*order)) order->fail(error);
  end(orders);
}

// ---- Cancel and close ----

bool ProcessPoolCore::has_begun(const PoolOrder& order) noexcept {
  const std::scoped_lock guard(lock_);
  if (order.phase != PoolOrder::Phase::in_slot) return order.phase == PoolOrder::Phase::ended;
  const std::uint64_t state = board_.slot(order.slot).state.load(std::memory_order_relaxed);
  return CallSlot::phase_of(state) != CallSlot::Phase::ready;
}

void ProcessPoolCore::cancel(PoolOrder& order) noexcept {
  Orders withdrawn;
  {
    const std::scoped_lock guard(lock_);
    if (order.phase == PoolOrder::Phase::ended) return;
    if (order.phase == PoolOrder::Phase::pending) {
      order.unlink();
    } else if (!board_.withdraw(order.slot)) {
      order.cancelled = has_cancelled_ = true;
      return bell_.signal();
    }
    order.phase = PoolOrder::Phase::ended;
    withdrawn.push_back(order);
  }
  fail(withdrawn, std::make_exception_ptr(Cancelled{}));
}

/// All calls that no worker has begun. With the lock held.
void ProcessPoolCore::take_unbegun(Orders& orders) noexcept {
  orders.splice_back(pending_);
  for (PoolOrder* order : orders_) {
    if (order && order->phase == PoolOrder::Phase::in_slot && board_.withdraw(order->slot)) orders.push_back(*order);
  }
  for (PoolOrder* order = orders.front(); order; order = orders.after(*order)) order->phase = PoolOrder::Phase::ended;
}

void ProcessPoolCore::close(bool cancel) noexcept {
  Orders withdrawn;
  {
    const std::scoped_lock guard(lock_);
    closed_ = true;
    if (cancel) take_unbegun(withdrawn);
  }
  fail(withdrawn, std::make_exception_ptr(Cancelled{}));
  bell_.signal();
}

void ProcessPoolCore::cancel_all() noexcept {
  const std::scoped_lock guard(lock_);
  for (PoolOrder* order : orders_) {
    if (order) order->cancelled = has_cancelled_ = true;
  }
  bell_.signal();
}

void ProcessPoolCore::break_with(const std::exception_ptr& error) noexcept {
  Orders all;
  {
    const std::scoped_lock guard(lock_);
    broken_ = error;
    take_unbegun(all);
  }
  fail(all, error);
}

// ---- The pool's own thread ----

Task<> ProcessPoolCore::serve() {
  const auto body = [this](TaskGroup& group) -> Task<> {
    while (!is_over()) {
      co_await readable(bell_.get());
      bell_.drain();
      board_.answer_bell();
      collect();
      for (Number i = 0; i < used_.load(std::memory_order_relaxed); ++i) {
        if (workers_[i].process) answer(i);
      }
      end_cancelled(group);
      start_workers(group);
    }
    for (Number i = 0; i < used_.load(std::memory_order_relaxed); ++i) {
      if (workers_[i].process) dismiss(i);
    }
    co_await group.join();
  };
  co_await with_task_group(body);
}

bool ProcessPoolCore::is_over() noexcept {
  const std::scoped_lock guard(lock_);
  return closed_ && in_flight_ == 0;
}

void ProcessPoolCore::start_workers(TaskGroup& group) {
  for (Number i = 0; i < size_; ++i) {
    {
      const std::scoped_lock guard(lock_);
      if (broken_ || usable_ >= std::min(size_, in_flight_)) return;
      if (workers_[i].process) continue;
      ++usable_;
    }
    try {
      start_worker(group, i);
    } catch (...) {
      bool last = false;
      {
        const std::scoped_lock guard(lock_);
        last = --usable_ == 0;
      }
      // Those that there are do the work.
      if (last) break_with(std::current_exception());
      return;
    }
  }
}

void ProcessPoolCore::start_worker(TaskGroup& group, Number number) {
  Worker& worker = workers_[number];
  board_.reset(number);
  os::MemoryFile outbox = os::MemoryFile::create("plait-results", 0, Arena::kReserve);
  Encoder call;
  const WorkerPlan plan{number, max_tasks_};
  if (initializer_) {
    encode_call(call, &be_worker_after, initializer_, board_.duplicate(), arena_.duplicate(), outbox.duplicate(),
                bell_.duplicate(), plan);
  } else {
    encode_call(call, &be_worker, board_.duplicate(), arena_.duplicate(), outbox.duplicate(), bell_.duplicate(), plan);
  }
  const std::string name = name_ + "-" + std::to_string(++last_name_);
  auto process = std::make_shared<ProcessState>(ProcessOptions{.name = name, .grace = grace_}, std::move(call));
  process->listen([this] { bell_.signal(); });
  {
    // Before it begins: its first result may be collected before start() returns.
    const std::scoped_lock guard(lock_);
    worker.process = process;
    worker.outbox = std::make_shared<const os::MemoryFile>(std::move(outbox));
    worker.seen.store(0, std::memory_order_relaxed);
    worker.ending = worker.killed = false;
  }
  if (number >= used_.load(std::memory_order_relaxed)) used_.store(number + 1, std::memory_order_release);
  try {
    process->start();
  } catch (...) {
    const std::scoped_lock guard(lock_);
    worker.process = nullptr;
    throw;
  }
  group.spawn(watch(number));
}

Task<> ProcessPoolCore::watch(Number number) {
  const std::shared_ptr<ProcessState> process = workers_[number].process;
  while (!process->look()) {
    answer(number);
    co_await readable(process->waitable());
  }
  worker_ended(number);
}

/// The worker that asked for descriptors waits for them.
void ProcessPoolCore::answer(Number number) {
  const std::optional<std::uint32_t> slot = workers_[number].process->asked_for();
  if (!slot) return;
  PoolOrder* order = nullptr;
  {
    const std::scoped_lock guard(lock_);
    order = orders_[*slot % CallBoard::kSlots];
  }
  // The order stays as long as the worker has its call.
  if (order) workers_[number].process->answer(order->message.descriptors());
}

void ProcessPoolCore::worker_ended(Number number) {
  Worker& worker = workers_[number];
  collect();
  const int code = *worker.process->exit_code();
  Orders lost;
  Orders done;
  {
    const std::scoped_lock guard(lock_);
    for (PoolOrder* order : orders_) {
      if (!order || order->phase != PoolOrder::Phase::in_slot) continue;
      const std::uint64_t state = board_.slot(order->slot).state.load(std::memory_order_acquire);
      if (CallSlot::worker_of(state) != number) continue;
      if (CallSlot::phase_of(state) == CallSlot::Phase::taken) lost.push_back(*order);
      // It was killed after the result, before it could say so.
      if (CallSlot::phase_of(state) == CallSlot::Phase::done) take(*order, done);
    }
    for (PoolOrder* order = lost.front(); order; order = lost.after(*order)) order->phase = PoolOrder::Phase::ended;
    if (!worker.ending) --usable_;
  }
  for (PoolOrder* order = done.front(); order; order = done.after(*order)) read_result(*order);
  end(done);
  for (PoolOrder* order = lost.front(); order; order = lost.after(*order)) {
    if (order->cancelled) {
      order->fail(std::make_exception_ptr(Cancelled{}));
    } else {
      order->fail(std::make_exception_ptr(WorkerDied(worker.process->id(), code, call_name(order->message.bytes()))));
    }
  }
  end(lost);
  const bool was_ready = board_.worker(number).ready.load(std::memory_order_relaxed) != 0;
  deaths_at_start_ = was_ready ? 0 : deaths_at_start_ + 1;
  if (std::optional<Decoder> result = worker.process->result(); result && !was_ready) {
    try {
      decode_result<void>(*result);
    } catch (const std::exception& error) {
      break_with(std::make_exception_ptr(
          BrokenProcessPool("ProcessPool: its initializer failed: " + std::string(error.what()))));
    }
  } else if (deaths_at_start_ == kDeathsAtStart) {
    break_with(std::make_exception_ptr(BrokenProcessPool(
        "ProcessPool: its processes die before they can work, the last with exit code " + std::to_string(code))));
  }
  {
    const std::scoped_lock guard(lock_);
    worker.process = nullptr;
    board_.reset(number);
    worker.seen.store(0, std::memory_order_relaxed);
  }
  bell_.signal();  // what it left is for others
}

void ProcessPoolCore::end_cancelled(TaskGroup& group) {
  std::vector<Number> to_end;
  {
    const std::scoped_lock guard(lock_);
    if (!std::exchange(has_cancelled_, false)) return;
    for (PoolOrder* order : orders_) {
      if (!order || !order->cancelled || order->phase != PoolOrder::Phase::in_slot) continue;
      Atomic<std::uint64_t>& state = board_.slot(order->slot).state;
      const Number number = CallSlot::worker_of(state.load(std::memory_order_relaxed));
      Worker& worker = workers_[number];
      if (worker.killed || !worker.process) continue;
      board_.worker(number).dismissed.store(1, std::memory_order_seq_cst);
      if (!std::exchange(worker.ending, true)) --usable_;
      // Sequentially consistent, as the fence in finish(): either this call is seen to be done, or no other is begun.
      // It may be one that was begun before the worker saw its dismissal for another.
      if (CallSlot::phase_of(state.load(std::memory_order_seq_cst)) != CallSlot::Phase::taken) continue;
      worker.killed = true;
      to_end.push_back(number);
    }
  }
  for (const Number number : to_end) group.spawn(end_process(workers_[number].process));
}

void ProcessPoolCore::dismiss(Number number) noexcept {
  board_.worker(number).dismissed.store(1, std::memory_order_release);
  board_.wake(number);
}

}  // namespace plait::detail
