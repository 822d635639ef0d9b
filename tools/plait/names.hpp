// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plait::tool {

/// Names of files, kept end to end in one block of memory (each ends with a NUL), so that a million of them cost little
/// and another process can map them as they are.
class NameList {
 public:
  NameList() = default;
  /// Reads names laid out by `text()`; the bytes must outlive the list.
  explicit NameList(std::string_view text);

  void add(std::string_view name);
  void sort();
  [[nodiscard]] std::size_t size() const { return starts_.size(); }
  [[nodiscard]] const char* operator[](std::size_t i) const { return base() + starts_[i]; }
  [[nodiscard]] std::string_view text() const { return borrowed_.empty() ? std::string_view(owned_) : borrowed_; }

 private:
  [[nodiscard]] const char* base() const { return borrowed_.empty() ? owned_.data() : borrowed_.data(); }

  std::string owned_;
  std::string_view borrowed_;
  std::vector<std::size_t> starts_;
};

/// One line as `sha256sum` (coreutils 9) prints it, newline included: a name with a backslash, a newline or a carriage
/// return has them escaped, and the line then begins with a backslash.
std::string sha256sum_line(std::string_view hex_digest, std::string_view name);

/// A name fit for a terminal: control characters and backslashes escaped, everything else as it is.
std::string printable(std::string_view name);

}  // namespace plait::tool
