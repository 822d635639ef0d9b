// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mutex>
#include <vector>

#include "plait/os/fd.hpp"
#include "plait/os/spawn.hpp"
#include "protocol.hpp"

namespace plait::detail {

/// This program's side of its server of processes, which is started when it is needed, and again if it was killed. Any
/// thread.
class ServerLink {
 public:
  static ServerLink& instance();

  /// A process that has begun.
  struct Child {
    int id = -1;
    os::Fd pidfd;
    os::Fd channel;
    /// It was so quick that these came before the news of its start.
    std::vector<Message> early;
  };
  /// Starts a process; `order.channel` is made here. Waits for the answer, some tenths of a millisecond, the first time
  /// a few. Throws std::logic_error if this program can't start processes, std::system_error.
  Child start(Order& order);

 private:
  void connect();
  bool is_there() noexcept;

  std::mutex lock_;
  os::Fd control_;
  os::SpawnedProcess server_;
  /// Whose server it is: a forked copy of this object begins anew.
  int owner_ = 0;
};

}  // namespace plait::detail
