// SPDX-License-Identifier: BSL-1.0
//
// Idea. The live bars stand one below the other, and between two refreshes the cursor rests behind the text of the
// first one. Below it there is nothing but bars, so text that the program prints itself goes over bars only, and what
// it has printed lies above the cursor when the line ends, where no refresh goes. A refresh is one write: all rows from
// the first on, what is below erased, the cursor back up. A bar that ends and is to be left is written where the first
// row was, and the rows move one line down.
//
// At most ten refreshes a second for all bars together: whoever looks first when it is time draws all rows; others
// leave their state for the next. Who finds the screen locked goes on and comes again. A refresh that took long, on a
// slow terminal, is not repeated before a hundred times as long, so that drawing stays below 1 % of the loop's time.
//
// The width is asked for at each refresh, and a line keeps one column free, so that no terminal wraps it.
#include "progress_screen.hpp"

#include <algorithm>
#include <cstdlib>

#include "plait/base/atomic.hpp"
#include "plait/core/clock.hpp"
#include "plait/os/file.hpp"
#include "plait/os/terminal.hpp"
#include "progress_text.hpp"

namespace plait::detail {
namespace {

using std::chrono::milliseconds;

constexpr Duration kRefresh = milliseconds(100);
constexpr Duration kLongestPause = std::chrono::seconds(2);
constexpr Duration kComeAgain = milliseconds(10);
constexpr int kShareOfTime = 100;

class Stderr final : public ProgressTarget {
 public:
  bool is_terminal() noexcept override { return os::is_terminal(kStderr); }
  Look look() noexcept override {
    const os::TerminalSize size = os::terminal_size(kStderr);
    Look look;
    look.utf8 = utf8_;
    look.moves_cursor = moves_cursor_;
    if (size.rows > 0) look.rows = size.rows;
    if (size.columns > 0) {
      look.columns = size.columns;
    } else if (const char* set = std::getenv("COLUMNS"); set != nullptr && std::atoi(set) > 0) {
      look.columns = std::atoi(set);
    }
    return look;
  }
  void write(std::string_view text) noexcept override {
    while (!text.empty()) {
      const std::int64_t written = os::write_file(kStderr, text.data(), text.size(), -1);
      if (written <= 0) return;  // a terminal that is gone, or can't take more now
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

 private:
  static constexpr int kStderr = 2;
  const bool utf8_ = os::terminal_takes_utf8();
  const bool moves_cursor_ = os::terminal_moves_cursor();
};

constinit Atomic<ProgressScreen*> replaced{nullptr};

}  // namespace

ProgressScreen& ProgressScreen::current() {
  if (ProgressScreen* screen = replaced.load(std::memory_order_acquire)) return *screen;
  // Never destroyed: threads may draw until the program's end.
  static ProgressScreen& screen = *new ProgressScreen(*new Stderr);
  return screen;
}

ProgressScreen* ProgressScreen::replace(ProgressScreen* screen) noexcept {
  return replaced.exchange(screen, std::memory_order_acq_rel);
}

void ProgressScreen::add(ProgressRow& row, TimePoint at) {
  std::scoped_lock guard(mutex_);
  rows_.push_back(&row);
  // A pause longer than the longest comes from another clock, a test's that is gone.
  if (at >= next_draw_ || next_draw_ - at > kLongestPause) draw(nullptr, at);
}

TimePoint ProgressScreen::update(ProgressRow& row, std::int64_t done, TimePoint at) {
  std::unique_lock guard(mutex_, std::try_to_lock);
  if (!guard) return at + kComeAgain;
  if (row.finished_) return kNever;
  row.sample(done, at);
  if (at >= next_draw_) draw(nullptr, at);
  return next_draw_;
}

void ProgressScreen::remove(ProgressRow& row, std::int64_t done, TimePoint at) {
  std::scoped_lock guard(mutex_);
  row.end(done, at);
  std::erase(rows_, &row);
  if (row.leave_ || row.drawn_) draw(row.leave_ ? &row : nullptr, at);
}

void ProgressScreen::rename(ProgressRow& row, std::string_view title) {
  std::scoped_lock guard(mutex_);
  row.title_ = title;
}

void ProgressScreen::draw(const ProgressRow* leaving, TimePoint at) {
  ProgressTarget::Look look = target_.look();
  look.columns = std::max(look.columns, 1);
  out_ = '\r';
  if (look.moves_cursor) {
    put_lines(leaving, at, look);
  } else {
    put_one_line(leaving, at, look);
  }
  target_.write(out_);
  const TimePoint end = now();
  next_draw_ = end + std::clamp((end - at) * kShareOfTime, kRefresh, kLongestPause);
}

void ProgressScreen::put_lines(const ProgressRow* leaving, TimePoint at, const ProgressTarget::Look& look) {
  const int width = std::max(look.columns - 1, 1);
  // Behind a full line the cursor stands on its last character, which EL would erase: this is erased before.
  const bool full = width == look.columns;
  if (full) out_ += "\x1b[J";
  const auto put = [&](std::string_view line) {
    out_ += line;
    if (!full) out_ += "\x1b[K";
  };
  if (leaving) {
    put(progress_line(leaving->status(at), width, look.utf8));
    out_ += "\r\n";
  }
  const std::size_t room = static_cast<std::size_t>(std::max(look.rows - 1, 1));
  const std::size_t lines = std::min(rows_.size(), room);
  int first_width = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i]->drawn_ = i < lines;
    if (i >= lines) continue;
    if (i > 0) out_ += "\r\n";
    const bool more = i + 1 == lines && rows_.size() > lines && lines > 1;
    const std::string line =
        more ? fit_text(joined({" and ", std::to_string(rows_.size() - i), " more"}), width, look.utf8)
             : progress_line(rows_[i]->status(at), width, look.utf8);
    put(line);
    if (i == 0) first_width = display_width(line);
  }
  if (!full) out_ += "\x1b[J";
  if (lines > 1) {
    out_ += joined({"\x1b[", std::to_string(lines - 1), "A\r"});
    if (first_width > 0 && !full) out_ += joined({"\x1b[", std::to_string(first_width), "C"});
  }
}

void ProgressScreen::put_one_line(const ProgressRow* leaving, TimePoint at, const ProgressTarget::Look& look) {
  const int width = std::max(look.columns - 1, 1);
  const auto put = [&](std::string_view line) {
    const int used = display_width(line);
    out_.append(line).append(static_cast<std::size_t>(std::clamp(last_width_ - used, 0, width - used)), ' ');
    last_width_ = used;
  };
  if (leaving) {
    put(progress_line(leaving->status(at), width, look.utf8));
    out_ += "\r\n";
    last_width_ = 0;
  }
  for (ProgressRow* row : rows_) row->drawn_ = row == rows_.front();
  put(rows_.empty() ? "" : progress_line(rows_.front()->status(at), width, look.utf8));
  if (rows_.empty()) out_ += '\r';
}

}  // namespace plait::detail
