// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <source_location>

#include "plait/thread/thread_view.hpp"

namespace plait {

/// What ended the body of a Thread, as its hook sees it (threading.ExceptHookArgs).
struct ThreadException {
  /// Never null, and never Cancelled, which ends a thread silently.
  std::exception_ptr error;
  /// The thread, with its name: the one that the hook is called on.
  ThreadView thread;
  /// Where it was started; line 0 if that is not known.
  std::source_location started_at;
};

/// What `set_thread_exception_hook` takes.
using ThreadExceptionHook = void (*)(const ThreadException&);

/// Replaces what is done with an exception that leaves the body of a Thread (threading.excepthook); null: the default.
/// Gives the one before. From any thread. The hook is called on the thread that failed, as soon as it fails, whoever
/// may await it later: so no error waits unseen for a handle to die, and whether it is reported does not depend on who
/// was first. The price is that an error which somebody awaits is told twice; that of a `spawn_thread` is told once, by
/// its Future, and never here. The hook may wait, and use whatever it likes. If it throws, what it threw and the error
/// are both reported by the default.
ThreadExceptionHook set_thread_exception_hook(ThreadExceptionHook hook) noexcept;

/// The default, to be called by a hook that only adds something (threading.__excepthook__): the handler of
/// `set_unretrieved_handler`, by default a line on stderr.
void default_thread_exception_hook(const ThreadException& exception) noexcept;

namespace detail {

/// The body of the calling thread, `state`, has ended with `error`.
void report_thread_exception(const std::exception_ptr& error, ThreadState& state) noexcept;

}  // namespace detail
}  // namespace plait
