// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "io/progress_screen.hpp"
#include "io/progress_text.hpp"

namespace plait::test {

/// A small terminal: what ECMA-48 says of CR, LF, ED, EL, CUU and CUF, UTF-8, lines that wrap when the next character
/// comes, and a scroll-back without end. LF goes to the line start as well, as the tty of a real one does it.
class Terminal {
 public:
  explicit Terminal(int columns) : columns(columns) {}

  void feed(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
      const unsigned char c = static_cast<unsigned char>(text[i]);
      if (c == '\r' || c == '\n') {
        if (c == '\n') ++row;
        column = 0;
        ++i;
      } else if (c == 0x1b) {
        i = control(text, i + 2);
      } else {
        std::size_t length = 1;
        while (i + length < text.size() && (text[i + length] & 0xc0) == 0x80) ++length;
        put(std::string(text.substr(i, length)));
        i += length;
      }
    }
  }
  /// All lines, without blanks behind them and without empty lines at the end.
  std::vector<std::string> lines() const {
    std::vector<std::string> texts;
    for (const auto& cells : cells_) {
      std::string line;
      for (const std::string& cell : cells) line += cell;
      line.erase(line.find_last_not_of(' ') + 1);
      texts.push_back(line);
    }
    while (!texts.empty() && texts.back().empty()) texts.pop_back();
    return texts;
  }

  int columns;
  std::size_t row = 0;
  int column = 0;
  /// How often a line was too long for its row.
  int wraps = 0;
  /// What it did not understand.
  int unknown = 0;

 private:
  std::vector<std::string>& line() {
    if (cells_.size() <= row) cells_.resize(row + 1);
    return cells_[row];
  }
  void put(const std::string& character) {
    const int width = detail::display_width(character);
    if (column + width > columns) {
      ++wraps;
      ++row;
      column = 0;
    }
    std::vector<std::string>& cells = line();
    if (cells.size() < static_cast<std::size_t>(column + width)) {
      cells.resize(static_cast<std::size_t>(column + width), " ");
    }
    if (width == 0) {
      if (column > 0) cells[static_cast<std::size_t>(column - 1)] += character;
      return;
    }
    cells[static_cast<std::size_t>(column)] = character;
    if (width == 2) cells[static_cast<std::size_t>(column + 1)].clear();
    column += width;
  }
  std::size_t control(std::string_view text, std::size_t i) {
    int n = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) n = n * 10 + (text[i] - '0');
    const char what = i < text.size() ? text[i] : '?';
    // Behind a full line the cursor is on its last character.
    const int here = std::min(column, columns - 1);
    if (what == 'A') {
      row -= std::min(row, static_cast<std::size_t>(std::max(n, 1)));
      column = here;
    } else if (what == 'C') {
      column = std::min(here + std::max(n, 1), columns - 1);
    } else if (what == 'K' || what == 'J') {
      if (line().size() > static_cast<std::size_t>(here)) line().resize(static_cast<std::size_t>(here));
      if (what == 'J') cells_.resize(row + 1);
    } else {
      ++unknown;
    }
    return i + 1;
  }

  std::vector<std::vector<std::string>> cells_;
};

/// While it lives, all new bars are drawn on a Terminal of the test.
class TestScreen : private detail::ProgressTarget {
 public:
  explicit TestScreen(int columns = 60) : terminal(columns), before_(detail::ProgressScreen::replace(&screen_)) {}
  TestScreen(const TestScreen&) = delete;
  TestScreen& operator=(const TestScreen&) = delete;
  ~TestScreen() override { detail::ProgressScreen::replace(before_); }

  std::vector<std::string> lines() const { return terminal.lines(); }
  /// The cursor is where the next program begins to write: at the start of an empty line below all text.
  bool clean() const {
    return terminal.column == 0 && terminal.row == terminal.lines().size() && terminal.wraps == 0 &&
           terminal.unknown == 0;
  }

  Terminal terminal;
  Look look_like;
  bool on = true;
  int writes = 0;

 private:
  bool is_terminal() noexcept override { return on; }
  Look look() noexcept override {
    look_like.columns = terminal.columns;
    return look_like;
  }
  void write(std::string_view text) noexcept override {
    ++writes;
    terminal.feed(text);
  }

  detail::ProgressScreen screen_{*this};
  detail::ProgressScreen* before_;
};

}  // namespace plait::test
