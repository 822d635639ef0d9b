// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

namespace plait::detail {

/// What this process is.
struct Role {
  /// `init` has been called, so an exec of this program is what it is asked to be.
  bool ready = false;
  /// As the program was called.
  std::string program;
  /// What this process is called; empty in a program that somebody else started.
  std::string name;
  /// Who started it, if that was Plait.
  int parent = 0;
  std::string parent_name;
};
Role& this_role() noexcept;

}  // namespace plait::detail
