// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait::detail {

/// All threads of Plait that are started and not reaped, and the wait of the program's end for them. Any thread.
class ThreadRegistry {
 public:
  static ThreadRegistry& instance() noexcept;

  /// A thread is about to be started; the registry holds it until it is reaped or `remove`d.
  void add(ThreadState& state) noexcept;
  /// It could not be started.
  void remove(ThreadState& state) noexcept;
  /// It has ended, but for its very last instructions: somebody may reap it.
  void add_ended(ThreadState& state) noexcept;
  /// True: the caller reaps it. False: somebody else does or did.
  bool claim(ThreadState& state) noexcept;
  /// The claimed thread is gone. Lets go of it.
  void reaped(ThreadState& state) noexcept;
  /// Reaps what has ended and nobody joined yet.
  void reap_ended() noexcept;
  /// Whether the program's end shall wait for it. False if it is too late for that.
  bool await(ThreadState& state, bool on) noexcept;

  /// The main thread.
  ThreadIdentity& main();
  /// A foreign thread has asked who it is, or (the other) ends.
  void add_foreign(ThreadIdentity& identity) noexcept;
  void remove_foreign(ThreadIdentity& identity) noexcept;
  /// All that are alive; each is to be released.
  std::vector<ThreadIdentity*> hold_alive();
  std::size_t count_alive() noexcept;

  /// The program ends, by exit() on the calling thread: returns when all other threads that are to be awaited are gone,
  /// and announces the end to the daemons. A second thread that ends the program never comes back from here.
  void finish() noexcept;
  /// It is a daemon, and `finish` has been passed.
  bool ends_without(const ThreadState& state) noexcept;

  /// All that are awaited have ended, and the daemons are left behind.
  bool has_finished() noexcept;

  /// Round a fork: in the child none of the threads exists.
  void before_fork() noexcept;
  void after_fork_in_parent() noexcept;
  void after_fork_in_child() noexcept;

 private:
  template <class F>
  void for_each_alive(F f) noexcept;
  bool uncount(ThreadState& state) noexcept;
  ThreadState* claim_ended() noexcept;
  bool all_gone() noexcept;
  void let_daemons_park() noexcept;
  std::uint32_t wake_daemons() noexcept;

  SpinLock lock_;
  IntrusiveList<ThreadState, Link> running_;
  IntrusiveList<ThreadState, Link> ended_;
  IntrusiveList<ThreadIdentity, Link> foreign_;
  ThreadIdentity* main_ = nullptr;
  std::size_t awaited_ = 0;
  /// The thread that ends the program, by its strand and the system's id.
  ThreadStrand* finisher_ = nullptr;
  int finisher_id_ = 0;
  bool finished_ = false;
};

/// The calling thread's, or null if Plait did not start it and nobody asked for it.
ThreadIdentity* this_thread_identity_if_any() noexcept;

/// Makes the program's end wait: called before each start.
void watch_program_end() noexcept;

}  // namespace plait::detail
