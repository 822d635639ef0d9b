// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include "plait/core/nursery.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/task.hpp"

namespace plait::detail {

/// A child strand without a handle, embedded in the frame of the combinator that awaits it; its result stays in the
/// task until it is taken. What its end means for the others is up to the nursery.
template <class T>
class Branch final : public Strand {
 public:
  explicit Branch(Task<T> task) noexcept : Strand(Kind::task), task_(std::move(task)) {}
  ~Branch() {
    if (record) close_record(record);
  }

  /// `spawned_at`: the line of the combinator's caller, or null.
  void start(Nursery& nursery, Strand& parent, const void* spawned_at, std::string_view name = {}) {
    nursery_ = &nursery;
    scheduler = parent.scheduler;
    home = parent.home;
    context = parent.context;
    record = open_record(false, name, spawned_at, parent.record);
    root_.attach(&nursery.scope, *this);
    task_.frame().promise().strand = this;
    resume_point = task_.frame();
    finish = &ended;
    nursery.child_begins();
    scheduler->schedule_here(*this);
  }

  Result<T>& result() noexcept { return task_.frame().promise().result; }

 private:
  static void ended(Strand& strand) {
    auto& self = static_cast<Branch&>(strand);
    self.record->set(StrandState::done);
    self.root_.leave();
    self.nursery_->child_ends(self, self.result().error());
    self.nursery_->child_ended();
  }

  Task<T> task_;
  Scope root_;
  Nursery* nursery_ = nullptr;
};

}  // namespace plait::detail
