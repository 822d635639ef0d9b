// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>

namespace plait {

/// A call can't be made, as the initializer of its pool has failed (Python's BrokenThreadPool).
class BrokenThreadPool : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace plait
