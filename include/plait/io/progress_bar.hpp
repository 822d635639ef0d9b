// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/time.hpp"

namespace plait {

/// What a bar shows at one moment.
struct ProgressStatus {
  std::string_view title{};             ///< As in the options; valid during the call that gives the status.
  std::int64_t done = 0;                ///< Items done.
  std::optional<std::int64_t> total{};  ///< Items in all, if that is known.
  Duration elapsed{};                   ///< Since the bar was made.
  double per_second = 0;                ///< Items a second, smoothed; over all when finished; 0: not known yet.
  bool finished = false;                ///< The last status of the bar.
  std::string_view unit = "it";         ///< As in the options.
  int unit_scale = 0;                   ///< As in the options.

  /// The time left at this rate, if it can be told.
  std::optional<Duration> left() const noexcept;
};

/// How a progress bar looks. Trivially destructible; texts are copied.
struct ProgressOptions {
  /// Stands before the bar. UTF-8; a character that can't be shown is shown as `?`.
  std::string_view title{};
  /// Items in all, where the range doesn't say. Not negative.
  std::optional<std::int64_t> total{};
  /// What is counted.
  std::string_view unit = "it";
  /// 1000: large numbers as 12.3k, 4.56M; 1024: as 12.3Ki, 4.56Mi; 0: in full.
  int unit_scale = 0;
  /// Whether the bar stays on the terminal when it has ended.
  bool leave = true;
  /// Shows nothing.
  bool disable = false;
  /// Called instead of drawing on the terminal, whether stderr is one or not: at first, about ten times a second, and
  /// at the end with `finished`, by the strand that counts then; one call at a time. It must not throw.
  void (*on_update)(const ProgressStatus& status) = nullptr;
};

namespace detail {

class ProgressRow;

/// Makes a bar and draws it; `total` is what the range says. Null if nobody looks: stderr is no terminal. Throws
/// std::logic_error for bad options.
ProgressRow* open_progress(const ProgressOptions& options, std::optional<std::int64_t> total);
/// Called by one strand at a time. Looks at the clock, and draws if it is time to. Gives the count at which to look
/// again.
std::int64_t look_at_progress(ProgressRow& row, std::int64_t done) noexcept;
/// Draws the last state or takes the bar off. From any thread, once.
void finish_progress(ProgressRow& row, std::int64_t done) noexcept;
/// Frees it after `finish_progress`.
void free_progress(ProgressRow& row) noexcept;
void rename_progress(ProgressRow& row, std::string_view title);

/// A bar that one strand counts for, in a plain variable that goes down to 0, where it is time to look. Here, as in
/// what holds it, no address of a member is given away, so that a loop may keep the count in a register.
class ProgressCount {
 public:
  /// Where a bar that nobody sees is looked at.
  static constexpr std::int64_t kNoLook = std::numeric_limits<std::int64_t>::max();

  ProgressCount(const ProgressOptions& options, std::optional<std::int64_t> total)
      : row_(open_progress(options, total)), mark_(row_ ? 1 : kNoLook), left_(mark_) {}
  ProgressCount(ProgressCount&& other) noexcept
      : row_(std::exchange(other.row_, nullptr)), mark_(other.mark_), left_(other.left_) {}
  ProgressCount& operator=(ProgressCount&& other) noexcept {
    if (this == &other) return *this;
    finish();
    row_ = std::exchange(other.row_, nullptr);
    mark_ = other.mark_;
    left_ = other.left_;
    return *this;
  }
  ~ProgressCount() { finish(); }

  std::int64_t done() const noexcept { return mark_ - left_; }
  /// One more is done. Who counts calls `look` when the mark is reached.
  void count() noexcept { --left_; }
  bool at_mark() const noexcept { return left_ == 0; }
  /// The next mark is where to look again, or `limit`.
  void look(std::int64_t limit = kNoLook) noexcept {
    const std::int64_t now = done();
    mark(row_ ? look_at_progress(*row_, now) : kNoLook, limit, now);
  }
  void limit(std::int64_t limit) noexcept { mark(mark_, limit, done()); }
  /// So many are done now.
  void reach(std::int64_t now) noexcept {
    left_ = mark_ - now;
    if (left_ <= 0) [[unlikely]]
      look();
  }
  void finish() noexcept {
    if (!row_) return;
    finish_progress(*row_, done());
    free_progress(*std::exchange(row_, nullptr));
  }

 private:
  void mark(std::int64_t at, std::int64_t limit, std::int64_t now) noexcept {
    mark_ = at < limit ? at : limit;
    left_ = mark_ - now;
  }

  ProgressRow* row_;
  std::int64_t mark_;
  std::int64_t left_;
};

}  // namespace detail

/// A progress bar that is told how far the work is (tqdm with a `total` and `update`):
///
///     plait::ProgressBar bar({.title = "download", .total = size, .unit = "B", .unit_scale = 1024});
///     while (…) bar.advance(bytes);
///
/// It is drawn on the terminal behind stderr, each bar of the program in a row of its own, at most ten times a second,
/// by whoever advances it then: there is no hidden thread, and nobody waits for another's drawing. If stderr is no
/// terminal nothing is drawn. Time is that of `plait::now()`.
/// Cost: `advance` is one atomic addition; where it would be more than 1 % of an item's work, advance by many at once.
class ProgressBar {
 public:
  /// Draws it for the first time. Throws std::logic_error for a negative total or an unknown unit_scale.
  explicit ProgressBar(const ProgressOptions& options = {});
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// As `finish`. Nobody may advance it any more.
  ~ProgressBar();

  /// `n` more items are done. From any thread. Throws std::logic_error if n is negative.
  void advance(std::int64_t n = 1) {
    if (n < 0) [[unlikely]]
      refuse(n);
    const std::int64_t done = done_.fetch_add(n, std::memory_order_relaxed) + n;
    if (done >= look_at_.load(std::memory_order_relaxed)) [[unlikely]]
      look();
  }
  /// How far it is. From any thread; the answer may be stale.
  std::int64_t done() const noexcept { return done_.load(std::memory_order_relaxed); }
  /// Changes the title, at the next drawing. From any thread.
  void set_title(std::string_view title);
  /// Draws the last state, or takes the bar off the terminal if it is not to be left there. It counts on, but is not
  /// drawn any more. From any thread.
  void finish() noexcept;

 private:
  [[noreturn]] static void refuse(std::int64_t n);
  void look() noexcept;

  detail::ProgressRow* const row_;
  Atomic<std::int64_t> done_{0};
  Atomic<std::int64_t> look_at_;
  Atomic<bool> looking_{false};
  Atomic<bool> finished_{false};
};

}  // namespace plait
