// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plait/process/process_state.hpp"

namespace plait::detail {

/// The processes that this program has started and whose end nobody has seen. The end of the program waits for them.
/// Any thread.
class ProcessRegistry {
 public:
  static ProcessRegistry& instance() noexcept;

  std::uint64_t next_number() noexcept { return ++last_number_; }
  void add(std::shared_ptr<ProcessState> process);
  /// Its end was seen.
  void remove(const ProcessState& process) noexcept;
  /// Those that run.
  std::vector<std::shared_ptr<ProcessState>> running();
  /// The program ends: daemons are terminated, and all are awaited.
  void finish() noexcept;

 private:
  /// A copy of this process has none of its children.
  void begin_anew_if_forked();

  std::mutex lock_;
  std::vector<std::shared_ptr<ProcessState>> processes_;
  /// What processes had that this one is a fork of.
  std::vector<std::vector<std::shared_ptr<ProcessState>>> parents_;
  Atomic<std::uint64_t> last_number_{0};
  int owner_ = 0;
};

}  // namespace plait::detail
