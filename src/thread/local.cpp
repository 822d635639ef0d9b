// SPDX-License-Identifier: BSL-1.0
//
// Idea. Each Local has an index into a table of each thread, and a serial number that no other Local ever has. To find
// a value is to compare the serial number in the table's row: so a Local that dies need not touch the tables of other
// threads, and its successor at the same index is not taken for it. Values hang in two lists, their thread's and their
// Local's, under one lock, which is taken only when a value comes or goes. Whoever takes a value out of its Local's
// list destroys it: the Local, or the thread at its end. A value that its thread is destroying waits in `dying_`, so
// that the Local does not die under it.
//
// A thread's end is a destructor that is registered anew whenever the thread's table is made anew, because destructors
// of thread-local objects that come later may use a Local again.
//
// Invariants. 1. A value is in its thread's list and in one of its Local's two; only the thread that destroys a Local
// waits for the other one's destructor. 2. A row of a thread's table is written by that thread only.
#include "plait/thread/local.hpp"

#include <cxxabi.h>

#include <mutex>
#include <vector>

#include "plait/base/atomic.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/thread_strand.hpp"
#include "thread_registry.hpp"

namespace plait::detail {

/// What a thread has. Its rows are its own; the list is guarded by the lock, the newest value first.
struct ThreadValues {
  struct Row {
    std::uint64_t serial = 0;
    LocalValue* value = nullptr;
  };
  std::vector<Row> rows;
  IntrusiveList<LocalValue, TaggedLink<OfThread>> values;
};

namespace {

constinit SpinLock lock;
constinit Atomic<std::uint64_t> last_serial{0};
[[gnu::tls_model("initial-exec")]] constinit thread_local ThreadValues* this_thread_values = nullptr;

/// The indices that no Local has. Never destroyed, as a Local may outlive the statics.
class Indices {
 public:
  static Indices& instance() {
    static auto* all = new Indices;
    return *all;
  }
  std::uint32_t take() {
    std::scoped_lock guard(mutex_);
    if (free_.empty()) {
      free_.reserve(next_ + 1);
      return next_++;
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void give(std::uint32_t index) noexcept {
    std::scoped_lock guard(mutex_);
    free_.push_back(index);  // has room
  }

 private:
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;
  std::uint32_t next_ = 0;
};

}  // namespace

LocalCore::LocalCore()
    : serial_(last_serial.fetch_add(1, std::memory_order_relaxed) + 1), index_(Indices::instance().take()) {}

LocalCore::~LocalCore() {
  std::unique_lock guard(lock);
  while (LocalValue* value = values_.front()) {
    value->TaggedLink<OfLocal>::unlink();
    value->TaggedLink<OfThread>::unlink();
    value->owner_ = nullptr;
    guard.unlock();
    delete value;
    guard.lock();
  }
  // A value that destroys its Local is not waited for, nor are daemons that the program's end has left behind.
  const bool at_the_end = ThreadRegistry::instance().has_finished();
  LocalValue* next = nullptr;
  for (LocalValue* value = dying_.front(); value; value = next) {
    next = dying_.after(*value);
    if (value->thread_ != this_thread_values && !at_the_end) continue;
    value->TaggedLink<OfLocal>::unlink();
    value->owner_ = nullptr;
  }
  while (!dying_.empty()) {
    guard.unlock();
    ThreadStrand& self = this_thread_strand();
    guard.lock();
    if (dying_.empty()) break;
    waiter_ = &self;
    guard.unlock();
    self.parker.park(kNever);
    guard.lock();
  }
  guard.unlock();
  Indices::instance().give(index_);
}

[[gnu::noinline]] LocalValue* LocalCore::find() const noexcept {
  const ThreadValues* mine = this_thread_values;
  if (!mine || index_ >= mine->rows.size()) return nullptr;
  const ThreadValues::Row& row = mine->rows[index_];
  return row.serial == serial_ ? row.value : nullptr;
}

LocalValue& LocalCore::adopt(std::unique_ptr<LocalValue> made) {
  if (LocalValue* value = find()) return *value;  // the factory has asked for it, too
  if (!this_thread_values) {
    this_thread_strand();  // made first, so that destructors of values find it
    static const char in_this_library = 0;
    auto values = std::make_unique<ThreadValues>();
    abi::__cxa_thread_atexit(end_of_thread, values.get(), const_cast<char*>(&in_this_library));
    this_thread_values = values.release();
  }
  ThreadValues& mine = *this_thread_values;
  if (index_ >= mine.rows.size()) mine.rows.resize(index_ + 8);
  LocalValue& value = *made.release();
  mine.rows[index_] = {serial_, &value};
  std::scoped_lock guard(lock);
  value.thread_ = &mine;
  value.owner_ = this;
  values_.push_back(value);
  mine.values.push_front(value);
  return value;
}

void LocalCore::reset() noexcept {
  LocalValue* value = find();
  if (!value) return;
  {
    std::scoped_lock guard(lock);
    if (!value->TaggedLink<OfThread>::linked()) return;  // by its own destructor
    end_value(*value);
  }
  delete value;
}

/// With the lock held, by the value's thread, which then deletes it. Until that is done the thread still finds it, as
/// it would find a thread-local object in its own destructor.
void LocalCore::end_value(LocalValue& value) noexcept {
  value.TaggedLink<OfThread>::unlink();
  value.TaggedLink<OfLocal>::unlink();
  value.owner_->dying_.push_back(value);
}

void LocalCore::end_of_thread(void* values) {
  auto& mine = *static_cast<ThreadValues*>(values);
  for (;;) {
    LocalValue* value = nullptr;
    {
      std::scoped_lock guard(lock);
      value = mine.values.front();
      if (value) end_value(*value);
    }
    if (!value) break;
    delete value;
  }
  this_thread_values = nullptr;
  delete &mine;
}

LocalValue::~LocalValue() {
  if (!thread_) return;
  ThreadStrand* waiter = nullptr;
  {
    std::scoped_lock guard(lock);
    if (!owner_) return;
    thread_->rows[owner_->index_] = {};
    TaggedLink<OfLocal>::unlink();
    if (owner_->dying_.empty()) waiter = owner_->waiter_;
  }
  if (waiter) waiter->parker.unpark();
}

void LocalCore::before_fork() noexcept { lock.lock(); }
void LocalCore::after_fork() noexcept { lock.unlock(); }

}  // namespace plait::detail
