// SPDX-License-Identifier: BSL-1.0
#include "names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace plait::tool {

NameList::NameList(std::string_view text) : borrowed_(text) {
  for (std::size_t at = 0; at < text.size(); at += std::strlen(text.data() + at) + 1) starts_.push_back(at);
}

void NameList::add(std::string_view name) {
  starts_.push_back(owned_.size());
  owned_ += name;
  owned_ += '\0';
}

void NameList::sort() {
  std::sort(starts_.begin(), starts_.end(),
            [this](std::size_t a, std::size_t b) { return std::strcmp(owned_.data() + a, owned_.data() + b) < 0; });
  std::string in_order;
  in_order.reserve(owned_.size());
  for (std::size_t& start : starts_) {
    const char* name = owned_.data() + start;
    start = in_order.size();
    in_order.append(name, std::strlen(name) + 1);
  }
  owned_ = std::move(in_order);
}

std::string sha256sum_line(std::string_view hex_digest, std::string_view name) {
  std::string line(hex_digest);
  line += "  ";
  bool escaped = false;
  for (char c : name) {
    const char* replacement = c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : nullptr;
    if (replacement != nullptr) {
      line += replacement;
      escaped = true;
    } else {
      line += c;
    }
  }
  line += '\n';
  if (escaped) line.insert(line.begin(), '\\');
  return line;
}

std::string printable(std::string_view name) {
  std::string shown;
  for (char c : name) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      shown += "\\\\";
    } else if (c == '\n') {
      shown += "\\n";
    } else if (c == '\r') {
      shown += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

}  // namespace plait::tool
