// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace plait::tool {

/// What the slow server answers to one line.
using Answer = std::array<std::byte, 1024>;

/// The answer depends on the request, so that a mixed-up answer shows in its digest.
inline Answer answer_to(std::string_view request) {
  Answer answer;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    answer[i] = static_cast<std::byte>(request.empty() ? 0 : request[i % request.size()]);
  }
  return answer;
}

}  // namespace plait::tool
