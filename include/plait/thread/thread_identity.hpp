// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"

namespace plait::detail {

class ThreadState;

/// What others know of a thread: its names, and whether it lives. Held by all who look at it; the last frees it. A
/// thread that Plait starts has more (ThreadState); of the main thread and of foreign ones this is all. Any thread.
class ThreadIdentity : public Link {
 public:
  ThreadIdentity(std::string name, bool daemon) noexcept : name_(std::move(name)), daemon_(daemon) {}
  ThreadIdentity(const ThreadIdentity&) = delete;
  ThreadIdentity& operator=(const ThreadIdentity&) = delete;

  void retain() noexcept { holders_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

  const std::string& name() const noexcept { return name_; }
  bool daemon() const noexcept { return daemon_.load(std::memory_order_relaxed); }
  bool started() const noexcept { return phase_.load(std::memory_order_acquire) != Phase::made; }
  bool ended() const noexcept { return phase_.load(std::memory_order_acquire) == Phase::ended; }
  bool alive() const noexcept { return phase_.load(std::memory_order_acquire) == Phase::started; }
  /// The id of the strand; 0 before the start.
  std::uint64_t ident() const noexcept { return ident_.load(std::memory_order_relaxed); }
  /// The kernel's id; 0 before the start. Just after the start it waits until the thread has said it.
  int native_id() noexcept;
  /// The state of a thread that Plait started, or null.
  virtual ThreadState* state() noexcept { return nullptr; }

  /// The calling thread is the one that it stands for.
  void begin_here() noexcept;
  /// The same for another thread; its ident may follow.
  void begin(std::uint64_t ident, int native_id) noexcept;
  /// It counts as ended.
  void end_here() noexcept { phase_.store(Phase::ended, std::memory_order_release); }

 protected:
  enum class Phase : std::uint8_t { made, started, ended };

  virtual ~ThreadIdentity() = default;
  void set_native_id(std::uint32_t id) noexcept;

  const std::string name_;
  Atomic<bool> daemon_;
  Atomic<Phase> phase_{Phase::made};
  Atomic<std::uint32_t> holders_{1};
  Atomic<std::uint64_t> ident_{0};

 private:
  /// Somebody waits for the number.
  static constexpr std::uint32_t kWanted = ~std::uint32_t{0};
  Atomic<std::uint32_t> native_id_{0};
};

/// The calling thread's, made at the first call if Plait did not start it. Not inline, as it reads a thread-local.
ThreadIdentity& this_thread_identity();

}  // namespace plait::detail
