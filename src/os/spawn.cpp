// SPDX-License-Identifier: BSL-1.0
//
// Idea. The child is a process that borrows this one's memory, on a stack of its own, while the thread that started it
// stands still (clone with CLONE_VM and CLONE_VFORK): nothing is copied, whatever the size of this process. All that
// needs memory is done before, here; the child makes system calls only, in `begin`, and leaves what went wrong in the
// `Child` that both see.
//
// Invariants. 1. The child changes nothing in memory but `Child` and errno. 2. No handler of this process ever runs in
// it: all signals are blocked until it has none. 3. It sees a copy of the table of descriptors, in which all but the
// planned ones are marked to be closed by the exec; so what other threads open meanwhile does not get through. 4. A
// child that could not begin its program has been reaped when `spawn` throws.
#include "plait/os/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "plait/os/pidfd.hpp"

#if defined(__SANITIZE_THREAD__)
#define PLAIT_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PLAIT_THREAD_SANITIZER
#endif
#endif

#ifdef PLAIT_THREAD_SANITIZER
// glibc's other name of clone(2): ThreadSanitizer's own takes every clone for a fork.
extern "C" int __clone(int (*)(void*), void*, int, void*, ...);  // NOLINT(bugprone-reserved-identifier)
#define PLAIT_CLONE ::__clone
#else
#define PLAIT_CLONE ::clone
#endif

namespace plait::os {
namespace {

#if defined(__clang__)
#define PLAIT_IN_CHILD __attribute__((noinline, no_sanitize("address", "thread", "undefined")))
#else
#define PLAIT_IN_CHILD __attribute__((noinline, no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#endif

enum class Step : std::uint8_t {
  none,
  session,
  group,
  descriptors,
  terminal,
  directory,
  limits,
  credentials,
  parent,
  program
};

struct Move {
  int number;
  int from;
};

/// What the child needs, ready to be used, and what it says.
struct Child {
  const char* const* candidates;
  char* const* arguments;
  char* const* environment;
  Move* moves;
  std::size_t move_count;
  const int* keep;
  std::size_t keep_count;
  /// Above all numbers that the moves write to.
  int out_of_the_way;
  const SpawnPlan* plan;
  int parent;
  /// It began without handlers.
  bool cleared;

  Step failed;
  int error;
  std::size_t candidate;
};

PLAIT_IN_CHILD void give_up(Child& child, Step step) {
  child.failed = step;
  child.error = errno;
  ::syscall(SYS_exit_group, 127);
}

/// The kernel's own struct sigaction, which begins with the handler on x86-64 and aarch64.
struct KernelAction {
  void (*handler)(int);
  unsigned long rest[3];
};

/// `cleared`: the kernel has done that already, but for the two that are often ignored and should not be.
PLAIT_IN_CHILD void forget_handlers(bool cleared) {
  constexpr std::size_t kMask = 8;
  for (int signal = 1; signal <= 64; ++signal) {
    const bool never_ignored = signal == SIGPIPE || signal == SIGXFSZ;
    if (cleared && !never_ignored) continue;
    KernelAction action{};
    if (::syscall(SYS_rt_sigaction, signal, nullptr, &action, kMask) != 0) continue;
    if (action.handler == SIG_DFL || (action.handler == SIG_IGN && !never_ignored)) continue;
    KernelAction plain{};
    ::syscall(SYS_rt_sigaction, signal, &plain, nullptr, kMask);
  }
}

/// For kernels without close_range(2) and its flag: goes through /proc.
PLAIT_IN_CHILD bool mark_all_by_hand() {
  struct Entry {
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t length;
    unsigned char type;
    char name[1];
  };
  const long directory = ::syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  alignas(8) char buffer[2048];
  while (true) {
    const long n = ::syscall(SYS_getdents64, directory, buffer, sizeof buffer);
    if (n <= 0) break;
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      long number = 0;
      for (const char* c = entry->name; *c >= '0' && *c <= '9'; ++c) number = number * 10 + (*c - '0');
      if (number > 2) ::syscall(SYS_fcntl, number, F_SETFD, FD_CLOEXEC);
      at += entry->length;
    }
  }
  ::syscall(SYS_close, directory);
  return true;
}

PLAIT_IN_CHILD void arrange_descriptors(Child& child) {
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0 && !mark_all_by_hand()) {
    give_up(child, Step::descriptors);
  }
  for (std::size_t i = 0; i < child.move_count; ++i) {
    Move& move = child.moves[i];
    for (std::size_t j = 0; j < child.move_count; ++j) {
      if (j == i || move.from < 0 || child.moves[j].number != move.from) continue;
      const long aside = ::syscall(SYS_fcntl, move.from, F_DUPFD_CLOEXEC, child.out_of_the_way);
      if (aside < 0) give_up(child, Step::descriptors);
      move.from = static_cast<int>(aside);
      break;
    }
  }
  for (std::size_t i = 0; i < child.move_count; ++i) {
    const Move& move = child.moves[i];
    if (move.from < 0) {
      ::syscall(SYS_close, move.number);
      continue;
    }
    const long result = move.from == move.number ? ::syscall(SYS_fcntl, move.number, F_SETFD, 0)
                                                 : ::syscall(SYS_dup3, move.from, move.number, 0);
    if (result < 0) give_up(child, Step::descriptors);
  }
  for (std::size_t i = 0; i < child.keep_count; ++i) {
    if (::syscall(SYS_fcntl, child.keep[i], F_SETFD, 0) < 0) give_up(child, Step::descriptors);
  }
}

PLAIT_IN_CHILD void become_who(Child& child) {
  const SpawnPlan& plan = *child.plan;
  for (const ResourceLimit& limit : plan.limits) {
    const std::uint64_t both[2] = {limit.soft, limit.hard};
    if (::syscall(SYS_prlimit64, 0, limit.resource, both, nullptr) != 0) give_up(child, Step::limits);
  }
  if (plan.groups && ::syscall(SYS_setgroups, plan.groups->size(), plan.groups->data()) != 0)
    give_up(child, Step::credentials);
  const auto group = static_cast<gid_t>(plan.group);
  if (plan.group >= 0 && ::syscall(SYS_setresgid, group, group, group) != 0) give_up(child, Step::credentials);
  const auto user = static_cast<uid_t>(plan.user);
  if (plan.user >= 0 && ::syscall(SYS_setresuid, user, user, user) != 0) give_up(child, Step::credentials);
  if (plan.umask >= 0) ::syscall(SYS_umask, plan.umask);
  if (plan.death_signal != 0) {
    // After a change of the user, which would clear it; whoever died before is asked about afterwards.
    ::syscall(SYS_prctl, PR_SET_PDEATHSIG, plan.death_signal, 0, 0, 0);
    if (::syscall(SYS_getppid) != child.parent) give_up(child, Step::parent);
  }
}

/// Tries them in the order of PATH. What is worth telling is the first that was there and could not be run.
PLAIT_IN_CHILD void run_program(Child& child) {
  int telling = 0;
  for (std::size_t i = 0; child.candidates[i]; ++i) {
    ::syscall(SYS_execve, child.candidates[i], child.arguments, child.environment);
    if (telling != 0 || errno == ENOENT || errno == ENOTDIR) continue;
    telling = errno;
    child.candidate = i;
  }
  errno = telling != 0 ? telling : ENOENT;
  give_up(child, Step::program);
}

/// The life of the child until its program begins.
PLAIT_IN_CHILD int begin(void* argument) {
  Child& child = *static_cast<Child*>(argument);
  const SpawnPlan& plan = *child.plan;
  forget_handlers(child.cleared);
  if (plan.new_session && ::syscall(SYS_setsid) < 0) give_up(child, Step::session);
  if (plan.process_group >= 0 && ::syscall(SYS_setpgid, 0, plan.process_group) != 0) give_up(child, Step::group);
  arrange_descriptors(child);
  if (plan.terminal >= 0 && ::syscall(SYS_ioctl, plan.terminal, TIOCSCTTY, 0) != 0) give_up(child, Step::terminal);
  if (!plan.directory.empty() && ::syscall(SYS_chdir, plan.directory.c_str()) != 0) give_up(child, Step::directory);
  become_who(child);
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
  run_program(child);
  return 127;
}

/// Where clone is refused (a sandbox): the child runs on this stack, below this frame.
PLAIT_IN_CHILD int start_plainly(Child& child) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const int pid = ::vfork();  // NOLINT(bugprone-unsafe-functions): what that warns of is asked for
#pragma GCC diagnostic pop
  if (pid == 0) begin(&child);
  return pid;
}

/// struct clone_args of <linux/sched.h>.
struct CloneArguments {
  std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

/// clone3(2), whose child calls `begin` on its own stack and never returns. Minus an errno for an error.
PLAIT_IN_CHILD long start_cleared([[maybe_unused]] CloneArguments& arguments, [[maybe_unused]] Child& child) {
#if defined(__x86_64__)
  long result = SYS_clone3;
  register int (*body)(void*) asm("r8") = &begin;
  register void* argument asm("r9") = &child;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r9, %%rdi\n\t"
      "call *%%r8\n\t"
      "hlt\n"
      "1:"
      : "+a"(result)
      : "D"(&arguments), "S"(sizeof arguments), "r"(body), "r"(argument)
      : "rcx", "r11", "memory", "cc");
  return result;
#else
  return -ENOSYS;
#endif
}

PLAIT_IN_CHILD int start(Child& child, Fd& pidfd) {
  constexpr std::uint64_t kClearHandlers = 0x100000000;
  constexpr std::size_t kStack = 12 << 10;
  alignas(64) char stack[kStack];
  int descriptor = -1;
  constexpr int kFlags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
  CloneArguments arguments{.flags = kFlags | kClearHandlers,
                           .pidfd = reinterpret_cast<std::uintptr_t>(&descriptor),
                           .child_tid = 0,
                           .parent_tid = 0,
                           .exit_signal = SIGCHLD,
                           .stack = reinterpret_cast<std::uintptr_t>(stack),
                           .stack_size = kStack,
                           .tls = 0};
  child.cleared = true;
  auto pid = static_cast<int>(start_cleared(arguments, child));
  const auto refused = [](int error) { return error == EPERM || error == ENOSYS || error == EINVAL; };
  if (pid < 0) {
    errno = -pid;
    if (!refused(errno)) return -1;
    child.cleared = false;
    pid = PLAIT_CLONE(&begin, stack + kStack, kFlags | SIGCHLD, &child, &descriptor);
  }
  if (pid >= 0) {
    pidfd.reset(descriptor);
    return pid;
  }
  return refused(errno) ? start_plainly(child) : -1;
}

/// All signals blocked, those that glibc keeps for itself too, as long as it lives.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    const std::uint64_t all = ~std::uint64_t{0};
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before_, sizeof all);
  }
  ~SignalsBlocked() { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  std::uint64_t before_ = 0;
};

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& each : strings) pointers.push_back(const_cast<char*>(each.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

bool same_name(const char* variable, const std::string& other) noexcept {
  const std::size_t length = other.find('=');
  return length != std::string::npos && std::strncmp(variable, other.c_str(), length + 1) == 0;
}

/// The environment as execve(2) takes it. Most of it is the parent's, where it lies.
std::vector<char*> environment_of(const SpawnPlan& plan) {
  std::vector<char*> all;
  const auto add = [&](char* variable) {
    const bool replaced = std::any_of(plan.variables.begin(), plan.variables.end(),
                                      [&](const std::string& each) { return same_name(variable, each); });
    if (!replaced) all.push_back(variable);
  };
  if (plan.environment) {
    for (const std::string& each : *plan.environment) add(const_cast<char*>(each.c_str()));
  } else {
    for (char** each = ::environ; each && *each; ++each) add(*each);
  }
  for (const std::string& each : plan.variables) all.push_back(const_cast<char*>(each.c_str()));
  all.push_back(nullptr);
  return all;
}

std::string path_of(const SpawnPlan& plan) {
  constexpr const char* kDefault = "/bin:/usr/bin";
  for (const std::string& each : plan.variables) {
    if (each.starts_with("PATH=")) return each.substr(5);
  }
  if (!plan.environment) {
    const char* path = std::getenv("PATH");
    return path ? path : kDefault;
  }
  for (const std::string& each : *plan.environment) {
    if (each.starts_with("PATH=")) return each.substr(5);
  }
  return kDefault;
}

std::vector<std::string> candidates_for(const std::string& program, std::string_view path) {
  if (program.empty() || program.find('/') != std::string::npos) return {program};
  std::vector<std::string> candidates;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t to = std::min(path.find(':', from), path.size());
    const std::string_view directory = to == from ? "." : path.substr(from, to - from);
    candidates.push_back(std::string(directory).append("/").append(program));
    from = to + 1;
  }
  return candidates;
}

std::string quoted(std::string_view text) { return std::string("\"").append(text) + '"'; }

/// As the child saw it.
std::string seen_from(const SpawnPlan& plan, const std::string& file) {
  return file.starts_with('/') || plan.directory.empty() ? file : plan.directory + "/" + file;
}

/// The interpreter that a script names, "" if it names none.
std::string interpreter_of(const std::string& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 256> head;
  const ssize_t n = fd.valid() ? ::read(fd.get(), head.data(), head.size()) : 0;
  std::string_view line(head.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  if (!line.starts_with("#!")) return {};
  line = line.substr(2, line.find('\n') == line.npos ? line.npos : line.find('\n') - 2);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return std::string(line.substr(0, line.find_first_of(" \t\r")));
}

[[noreturn]] void tell_of_program(const SpawnPlan& plan, const Child& child, const std::string& path,
                                  const std::vector<std::string>& candidates) {
  const std::string& program = plan.program.empty() ? plan.arguments.front() : plan.program;
  if (child.error == ENOENT) {
    for (const std::string& file : candidates) {
      if (::access(seen_from(plan, file).c_str(), F_OK) != 0) continue;
      const std::string interpreter = interpreter_of(seen_from(plan, file));
      throw_error(ENOENT, "cannot run " + quoted(file) + ": bad interpreter " +
                              (interpreter.empty() ? "(that of a binary program)" : quoted(interpreter)));
    }
    if (program.find('/') == std::string::npos && !program.empty())
      throw_error(ENOENT, "command not found: " + quoted(program) + " is in no directory of PATH (" + path + ")");
    const std::string from = plan.directory.empty() ? "" : " seen from " + quoted(plan.directory);
    throw_error(ENOENT, "command not found: there is no file " + quoted(program) + from);
  }
  const std::string what = "cannot run " + quoted(candidates[child.candidate]);
  const std::string interpreter = interpreter_of(seen_from(plan, candidates[child.candidate]));
  switch (child.error) {
    case EACCES:
      if (::access(seen_from(plan, candidates[child.candidate]).c_str(), X_OK) == 0 && !interpreter.empty())
        throw_error(EACCES, what + ": bad interpreter " + quoted(interpreter));
      throw_error(EACCES, what + ": it is not executable");
    case ENOEXEC:
      throw_error(ENOEXEC, what + ": it is neither a program for this machine nor a script that begins with #!");
    case E2BIG:
      throw_error(E2BIG, what + ": arguments and environment are too long");
    default:
      throw_error(child.error, what);
  }
}

[[noreturn]] void tell(const SpawnPlan& plan, const Child& child, const std::string& path,
                       const std::vector<std::string>& candidates) {
  const std::string program = "cannot run " + quoted(plan.program.empty() ? plan.arguments.front() : plan.program);
  switch (child.failed) {
    case Step::session:
      throw_error(child.error, program + ": setsid");
    case Step::group:
      throw_error(child.error, program + ": cannot join process group " + std::to_string(plan.process_group));
    case Step::descriptors:
      throw_error(child.error, program + ": cannot arrange its descriptors");
    case Step::terminal:
      throw_error(child.error, program + ": cannot make its terminal that of its session");
    case Step::directory:
      throw_error(child.error, program + ": bad working directory " + quoted(plan.directory));
    case Step::limits:
      throw_error(child.error, program + ": cannot set its limits");
    case Step::credentials:
      throw_error(child.error, program + ": cannot change to its user or groups");
    case Step::parent:
      throw_error(ESRCH, program + ": its parent is gone");
    default:
      tell_of_program(plan, child, path, candidates);
  }
}

void check(const SpawnPlan& plan) {
  if (plan.arguments.empty()) throw_error(EINVAL, "spawn: the command is empty");
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  const bool bad = has_nul(plan.program) || has_nul(plan.directory) ||
                   std::any_of(plan.arguments.begin(), plan.arguments.end(), has_nul) ||
                   std::any_of(plan.variables.begin(), plan.variables.end(), has_nul) ||
                   (plan.environment && std::any_of(plan.environment->begin(), plan.environment->end(), has_nul));
  if (bad) throw_error(EINVAL, "spawn: a string for " + quoted(plan.arguments.front().c_str()) + " has a zero byte");
  for (const int fd : plan.keep) {
    for (const SpawnDescriptor& each : plan.descriptors) {
      if (each.number == fd)
        throw_error(EINVAL, "spawn: descriptor " + std::to_string(fd) + " is to be kept and to be another one");
    }
  }
}

}  // namespace

SpawnedProcess spawn(const SpawnPlan& plan) {
  check(plan);
  const std::string path = path_of(plan);
  const std::vector<std::string> candidates =
      candidates_for(plan.program.empty() ? plan.arguments.front() : plan.program, path);
  const std::vector<char*> candidate_pointers = pointers_to(candidates), arguments = pointers_to(plan.arguments);
  const std::vector<char*> environment = environment_of(plan);
  std::vector<Move> moves;
  int out_of_the_way = 3;
  for (const SpawnDescriptor& each : plan.descriptors) {
    moves.push_back({each.number, each.from});
    out_of_the_way = std::max(out_of_the_way, each.number + 1);
  }
  Child child{.candidates = candidate_pointers.data(),
              .arguments = arguments.data(),
              .environment = environment.data(),
              .moves = moves.data(),
              .move_count = moves.size(),
              .keep = plan.keep.data(),
              .keep_count = plan.keep.size(),
              .out_of_the_way = out_of_the_way,
              .plan = &plan,
              .parent = ::getpid(),
              .cleared = false,
              .failed = Step::none,
              .error = 0,
              .candidate = 0};
  SpawnedProcess process;
  int error = 0;
  {
    const SignalsBlocked blocked;
    process.pid = start(child, process.pidfd);
    error = errno;
  }
  if (process.pid < 0) throw_error(error, "cannot run " + quoted(plan.arguments.front()) + ": no new process");
  if (!process.pidfd.valid()) process.pidfd = open_pidfd(process.pid);
  if (child.failed != Step::none) {
    reap_at_end(process.pidfd.get());
    tell(plan, child, path, candidates);
  }
  return process;
}

}  // namespace plait::os
