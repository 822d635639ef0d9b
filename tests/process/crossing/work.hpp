// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "plait/process/portable_call.hpp"

/// A call to be made in another process, and whether what came back is right.
struct Case {
  std::string name;
  std::vector<std::byte> call;
  std::function<bool(plait::Decoder&)> is_right;
};

/// The calls of one translation unit.
using Cases = std::vector<Case> (*)();
