// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace plait::detail {

/// Who wants to know when one of its threads waits for a Future, so that another can take its place.
class Crew {
 public:
  virtual void begin_block() noexcept = 0;
  virtual void end_block() noexcept = 0;

 protected:
  ~Crew() = default;
};

}  // namespace plait::detail
