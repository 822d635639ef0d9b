// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/fork.hpp"

#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/record.hpp"
#include "plait/sched/failures.hpp"

namespace plait::detail {

/// A child that has become a strand.
class Join::Child final : public Strand, public FrameAllocated {
 public:
  Child(Join& join, ForkBase& fork, ErrorOf* error) : Strand(Kind::task), join_(join), fork_(fork), error_(error) {
    Strand& parent = *join.strand_;
    scheduler = parent.scheduler;
    home = parent.home;
    context = home ? join.context_ : parent.context;
    record = open_record(false, {}, join.at_, parent.record);
    fork.promise->strand = this;
    fork.promise->continuation = nullptr;
    resume_point = fork.frame;
    finish = &ended;
    const HomeGuard guard(home);
    root_.attach(&join.scope_for_children(), *this);
  }
  ~Child() { close_record(record); }

  const Join& join() const noexcept { return join_; }
  static bool is_child(const Strand& strand) noexcept { return strand.finish == &ended; }

 private:
  static void ended(Strand& strand) {
    auto* self = static_cast<Child*>(&strand);
    Join& join = self->join_;
    self->root_.leave();
    if (self->error_(self->fork_)) join.cancel();
    delete self;
    join.arrived();
  }

  Join& join_;
  ForkBase& fork_;
  ErrorOf* error_;
  Scope root_;
};

void raise_gathered(std::span<const std::exception_ptr> errors) {
  Failures failures;
  for (const std::exception_ptr& error : errors) failures.add(error);
  failures.raise("gather");
  fail("gather: a child failed without an error.");
}

void Join::push_siblings(PoolWorker& worker, ForkBase& first) noexcept {
  // Turned round and back: the chain is short, or the work of the children is not.
  ForkBase* reversed = nullptr;
  for (ForkBase* at = first.sibling; at; at = at->sibling) {
    at->next_work = reversed;
    reversed = at;
  }
  while (reversed) {
    auto* before = static_cast<ForkBase*>(reversed->next_work);
    worker.pool.push_here(worker, *reversed);
    reversed = before;
  }
}

std::coroutine_handle<> Join::begin_on_loop(ForkBase* first) noexcept {
  Strand& strand = *strand_;
  scope_ = new GatherScope;
  scope_->enter(strand);
  strand.resume_point = parent_;
  strand.record->suspend(WaitKind::task, at_, this);
  for (ForkBase* fork = first; fork; fork = fork->sibling) fork->run(*fork);
  return std::noop_coroutine();
}

std::coroutine_handle<> Join::await_others() noexcept {
  Strand& strand = *strand_;
  strand.resume_point = parent_;
  strand.record->suspend(WaitKind::task, at_, this);
  const std::uint32_t called = called_;
  const std::coroutine_handle<> parent = parent_;
  // Release: who goes on sees what the called children did. Acquire: we see what the others did, if it is us.
  if (pending_.fetch_sub(called, std::memory_order_acq_rel) != called) return std::noop_coroutine();
  strand.record->set(StrandState::running);
  return hop(strand, parent);
}

void Join::arrived() noexcept {
  Strand& strand = *strand_;
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  PoolWorker* worker = strand.home ? PoolWorker::current() : nullptr;
  if (worker && !worker->next) {
    worker->next = &strand;
  } else {
    strand.unpark();
  }
}

void Join::start_strand(ForkBase& child, ErrorOf* error) noexcept {
  auto* strand = new Child(*this, child, error);
  if (!strand->home) return strand->scheduler->schedule_here(*strand);
  PoolWorker& worker = *PoolWorker::current();
  worker.pool.resume(worker, *strand);
}

/// Where the scopes of children hang: in this gather's scope if it has one, else in that of the nearest gather around
/// it on the same strand, if the strand entered nothing between them. With the home held.
Scope& Join::scope_for_children() noexcept {
  // By the scopes that the strand entered: a gather that began after one further out had failed found that one's scope
  // innermost, and the gathers between the two did not.
  const Scope* entered = outer_->entered();
  for (Join* join = this; join && join->outer_->entered() == entered; join = join->around_) {
    if (join->scope_) return *join->scope_;
  }
  return *outer_;
}

/// Whether a scope inside `outer_` is one of this gather: of its strand, or of a child of it or of a gather in it.
bool Join::belongs(const Scope& scope, const void* whom) noexcept {
  const auto* self = static_cast<const Join*>(whom);
  const Strand& strand = *scope.strand();
  if (&strand == self->strand_) return true;
  if (!Child::is_child(strand)) return false;
  for (const Join* join = &static_cast<const Child&>(strand).join(); join; join = join->around_) {
    if (join == self) return true;
  }
  return false;
}

void Join::cancel() noexcept {
  const HomeGuard guard(strand_->home);
  if (!scope_) {
    auto* scope = new GatherScope;
    scope->enter_around(scope_for_children(), *strand_, &belongs, this);
    scope_ = scope;
  }
  scope_->cancel();
}

}  // namespace plait::detail
