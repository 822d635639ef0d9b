// SPDX-License-Identifier: BSL-1.0
#include "plait/process/command.hpp"

namespace plait::subprocess {

std::string Command::text() const {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  std::string text;
  for (const std::string& word : words_) {
    if (!text.empty()) text += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) {
      if (c == '\'') text += "'\\'";
      text += c;
    }
    text += '\'';
  }
  return text;
}

Pipeline operator|(Command first, Command second) {
  Pipeline pipeline;
  pipeline.commands_.push_back(std::move(first));
  pipeline.commands_.push_back(std::move(second));
  return pipeline;
}

Pipeline operator|(Pipeline pipeline, Command last) {
  pipeline.commands_.push_back(std::move(last));
  return pipeline;
}

}  // namespace plait::subprocess
