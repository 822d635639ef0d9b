// SPDX-License-Identifier: BSL-1.0
#include "progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "interrupt.hpp"
#include "quantities.hpp"

namespace plait::tool {

void TimeLeft::done(double seconds) {
  const Step& step = plan_[done_++];
  seen_[{step.work, step.way}] = seconds;
  // A way not seen yet is taken to be like the first one seen.
  for (Way way : kWays) seen_.insert({{step.work, way}, seconds});
}

double TimeLeft::left(double share, double elapsed) const {
  auto expected = [this](const Step& step) {
    auto found = seen_.find({step.work, step.way});
    return found == seen_.end() ? 0 : found->second;
  };
  double seconds = 0;
  for (std::size_t i = done_ + 1; i < plan_.size(); ++i) seconds += expected(plan_[i]);
  if (done_ >= plan_.size()) return seconds;
  // The start of a step says little about its pace: what was seen before counts until a tenth is done.
  const double rest = share > 0.1 ? elapsed / share * (1 - share) : expected(plan_[done_]) - elapsed;
  return seconds + std::max(rest, 0.0);
}

std::string bar_line(const std::string& what, double share, const std::string& rate, double left_s, int columns) {
  share = std::clamp(share, 0.0, 1.0);
  const int left = static_cast<int>(std::ceil(left_s));
  const std::string percent = fmt::format("{:3.0f}%", share * 100);
  const std::string time = fmt::format("{}:{:02} left", left / 60, left % 60);
  const std::string tail = fmt::format(" {} {} {}", percent, rate, time);
  const int room = columns - 1 - display_width(what) - display_width(tail) - 3;
  if (room >= 5) {
    const int cells = std::min(room, 40);
    const int full = static_cast<int>(share * cells);
    std::string bar;
    for (int i = 0; i < cells; ++i) bar += i < full ? "█" : "·";
    return fmt::format("{} [{}]{}", what, bar, tail);
  }
  for (const std::string& shorter : {what + tail, fmt::format("{} {} {}", what, percent, time), percent + ' ' + time}) {
    if (display_width(shorter) < columns) return shorter;
  }
  return columns > 4 ? percent : "";
}

int terminal_columns(int fd, int otherwise) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  if (const char* set = std::getenv("COLUMNS"); set != nullptr && std::atoi(set) > 0) return std::atoi(set);
  return otherwise;
}

ProgressBar::ProgressBar() : on_terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressBar::draw(const std::string& what, double share, const std::string& rate, double left_s) {
  if (!on_terminal_) return;
  shown_ = true;
  bar_is_shown(true);
  fmt::print(stderr, "\r{}\033[K", bar_line(what, share, rate, left_s, terminal_columns(STDERR_FILENO, 80)));
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
  bar_is_shown(false);
}

}  // namespace plait::tool
