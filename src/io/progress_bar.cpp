// SPDX-License-Identifier: BSL-1.0
//
// Idea. A loop counts in a variable of its own and compares it with the count at which to look at the clock again. A
// look costs some tens of nanoseconds, so the distance of two is set, from the pace seen last, to about 50 µs, far
// below 1 % of the time between; it grows at most eightfold at a time and shrinks at once, so that a loop that becomes
// slower by a factor of a thousand is drawn late by as many looks only. Of many looks one every 100 ms goes on to the
// screen.
//
// The rate is that of the last seconds: items and time are summed with weights that fall to 1/e in three seconds, but
// by no more than 0.3 from one look to the next, so that slow items are smoothed over several.
#include "plait/io/progress_bar.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/core/clock.hpp"
#include "progress_screen.hpp"

namespace plait {
namespace detail {
namespace {

constexpr Duration kBetweenLooks = std::chrono::microseconds(10);
constexpr Duration kBetweenUpdates = std::chrono::milliseconds(100);
constexpr std::int64_t kLargestStep = 1 << 20;
constexpr double kWindowSeconds = 3;
constexpr double kLeastKept = 0.7;

double seconds(Duration span) noexcept { return std::chrono::duration<double>(span).count(); }

void check(const ProgressOptions& options) {
  if (options.total && *options.total < 0) {
    misuse("progress: .total is " + std::to_string(*options.total) +
           ", and a total is not negative; leave it out if it is not known.");
  }
  if (options.unit_scale != 0 && options.unit_scale != 1000 && options.unit_scale != 1024) {
    misuse("progress: .unit_scale is " + std::to_string(options.unit_scale) + "; it must be 0, 1000 or 1024.");
  }
}

}  // namespace

ProgressRow::ProgressRow(const ProgressOptions& options, std::optional<std::int64_t> total, ProgressScreen* screen)
    : screen_(screen),
      on_update_(options.on_update),
      total_(total),
      unit_(options.unit),
      unit_scale_(options.unit_scale),
      leave_(options.leave),
      start_(now()),
      title_(options.title) {
  if (screen_) {
    screen_->add(*this, start_);
  } else {
    tell(start_);
  }
  due_ = start_ + kBetweenUpdates;
}

std::int64_t ProgressRow::look(std::int64_t done) {
  TimePoint at = now();
  const Duration since = at - looked_at_;
  // A clock that stands still, a test's, says nothing about the pace.
  if (since > Duration::zero()) {
    const double fitting = static_cast<double>(done - looked_done_) * (seconds(kBetweenLooks) / seconds(since));
    const std::int64_t most = std::min(step_ * 8, kLargestStep);
    step_ = fitting < static_cast<double>(most) ? std::max<std::int64_t>(static_cast<std::int64_t>(fitting), 1) : most;
  }
  if (at >= due_) {
    due_ = show(done, at);
    at = now();
  }
  looked_at_ = at;
  looked_done_ = done;
  return due_ == kNever || done > ProgressCount::kNoLook - step_ ? ProgressCount::kNoLook : done + step_;
}

/// Gives the time at which to come again.
TimePoint ProgressRow::show(std::int64_t done, TimePoint at) {
  if (screen_) return screen_->update(*this, done, at);
  std::scoped_lock guard(mutex_);
  if (finished_) return kNever;
  sample(done, at);
  tell(at);
  return at + kBetweenUpdates;
}

void ProgressRow::finish(std::int64_t done) {
  const TimePoint at = now();
  if (screen_) {
    screen_->remove(*this, done, at);
    return;
  }
  std::scoped_lock guard(mutex_);
  end(done, at);
  tell(at);
}

void ProgressRow::rename(std::string_view title) {
  if (screen_) {
    screen_->rename(*this, title);
    return;
  }
  std::scoped_lock guard(mutex_);
  title_ = title;
}

void ProgressRow::sample(std::int64_t done, TimePoint at) noexcept {
  done_ = done;
  const double span = seconds(at - sampled_at_);
  if (span <= 0) return;
  const double kept = std::max(kLeastKept, std::exp(-span / kWindowSeconds));
  recent_items_ = recent_items_ * kept + static_cast<double>(done - sampled_done_);
  recent_seconds_ = recent_seconds_ * kept + span;
  sampled_done_ = done;
  sampled_at_ = at;
}

void ProgressRow::end(std::int64_t done, TimePoint at) noexcept {
  finished_ = true;
  done_ = done;
  recent_items_ = static_cast<double>(done);
  recent_seconds_ = seconds(at - start_);
}

ProgressStatus ProgressRow::status(TimePoint at) const noexcept {
  return {.title = title_,
          .done = done_,
          .total = total_,
          .elapsed = at - start_,
          .per_second = recent_seconds_ > 0 ? recent_items_ / recent_seconds_ : 0,
          .finished = finished_,
          .unit = unit_,
          .unit_scale = unit_scale_};
}

void ProgressRow::tell(TimePoint at) const { on_update_(status(at)); }

ProgressRow* open_progress(const ProgressOptions& options, std::optional<std::int64_t> total) {
  check(options);
  if (options.disable) return nullptr;
  ProgressScreen* screen = nullptr;
  if (!options.on_update) {
    screen = &ProgressScreen::current();
    if (!screen->target().is_terminal()) return nullptr;
  }
  return new ProgressRow(options, options.total ? options.total : total, screen);
}

std::int64_t look_at_progress(ProgressRow& row, std::int64_t done) noexcept { return row.look(done); }
void finish_progress(ProgressRow& row, std::int64_t done) noexcept { row.finish(done); }
void free_progress(ProgressRow& row) noexcept { delete &row; }
void rename_progress(ProgressRow& row, std::string_view title) { row.rename(title); }

}  // namespace detail

ProgressBar::ProgressBar(const ProgressOptions& options)
    : row_(detail::open_progress(options, {})), look_at_(row_ ? 1 : detail::ProgressCount::kNoLook) {}

ProgressBar::~ProgressBar() {
  finish();
  if (row_) detail::free_progress(*row_);
}

void ProgressBar::refuse(std::int64_t n) {
  detail::misuse("ProgressBar::advance(" + std::to_string(n) + "): a bar does not go back.");
}

/// One at a time; who comes meanwhile goes on counting.
void ProgressBar::look() noexcept {
  // Acquire and release hand the row's pace from one that looks to the next.
  if (!row_ || looking_.exchange(true, std::memory_order_acquire)) return;
  look_at_.store(detail::look_at_progress(*row_, done()), std::memory_order_relaxed);
  looking_.store(false, std::memory_order_release);
}

void ProgressBar::set_title(std::string_view title) {
  if (row_) detail::rename_progress(*row_, title);
}

void ProgressBar::finish() noexcept {
  if (row_ && !finished_.exchange(true, std::memory_order_relaxed)) detail::finish_progress(*row_, done());
}

}  // namespace plait
