// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plait/os/process_list.hpp"

namespace plait::detail {

/// The name of the variable by which the descendants of a program are known. Its value is a list, with a token for each
/// program that Plait started on the way, the outermost first.
inline constexpr std::string_view kAncestorsVariable = "PLAIT_ANCESTORS";

/// A program and all its descendants: who carries its token in the environment, whose parent is one of them, and who
/// was one before. One that was born outside of these three is not found: its parents had ended when it was first
/// looked for, and it had begun a program with another environment, or may not be looked into (another user's).
class Descendants {
 public:
  /// With a token that no other one has. Before the program is started.
  Descendants();
  /// The variable for the environment of the program, and of nobody else: "PLAIT_ANCESTORS=…". `inherited` is the value
  /// that the caller has, or "".
  std::string variable(std::string_view inherited) const;

  /// Sends `signal` to all of them but the program itself, `root` (0: it has ended), which `send_to_root` is for: that
  /// is called when the others have been found, so that its end does not hide them. With SIGTERM comes SIGCONT, for
  /// those that are stopped; SIGKILL goes to those that are born meanwhile, too.
  template <class F>
  void signal(int root, int signal, F send_to_root) {
    const Members first = find(root);
    send_to_root();
    send_to_all(first, signal);
    while (signal == kKill && send_to_all(find(0), signal)) {
    }
  }

 private:
  using Members = std::vector<os::ProcessEntry>;
  static constexpr int kKill = 9;

  Members find(int root);
  bool send_to_all(const Members& members, int signal);

  std::string token_;
  /// All of them are younger.
  std::uint64_t born_after_;
  /// All that were ever found, by number and time of birth.
  std::set<std::pair<int, std::uint64_t>> known_;
  /// Those of them that were sent SIGKILL.
  std::set<std::pair<int, std::uint64_t>> killed_;
};

}  // namespace plait::detail
