// SPDX-License-Identifier: BSL-1.0
#include "plait/base/contract.hpp"

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace plait::detail {

void fail(std::string_view sentence) noexcept {
  std::fprintf(stderr, "plait: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  std::fflush(stderr);
  std::terminate();
}

void misuse(const std::string& sentence) { throw std::logic_error("plait: " + sentence); }

}  // namespace plait::detail
