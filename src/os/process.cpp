// SPDX-License-Identifier: BSL-1.0
#include "plait/os/process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "plait/os/file.hpp"

namespace plait::os {

int fork_process() noexcept {
  const pid_t child = ::fork();
  return child < 0 ? -errno : child;
}

int parent_process_id() noexcept { return ::getppid(); }

int thread_count() noexcept {
  struct stat status{};
  // A directory has a link from itself, one from its parent, and one from each of its directories.
  if (::stat("/proc/self/task", &status) != 0 || status.st_nlink < 3) return 0;
  return static_cast<int>(status.st_nlink) - 2;
}

bool die_with_parent(int parent) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return ::getppid() == parent;
}

void adopt_orphans() noexcept { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

std::vector<int> child_processes() {
  std::vector<int> children;
  const OpenedFile file = open_file("/proc/thread-self/children", open_flags({.read = true}), 0);
  if (!file.fd.valid()) return children;
  std::string text;
  char part[4096];
  for (std::int64_t n = 0; (n = read_file(file.fd.get(), part, sizeof part, -1)) > 0;) {
    text.append(part, static_cast<std::size_t>(n));
  }
  const char* at = text.c_str();
  for (char* end = nullptr;; at = end) {
    const long id = std::strtol(at, &end, 10);
    if (end == at) return children;
    children.push_back(static_cast<int>(id));
  }
}

void leave_process_group() noexcept { ::setpgid(0, 0); }

void read_nothing() noexcept {
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0) return;
  ::dup2(nothing, STDIN_FILENO);
  if (nothing != STDIN_FILENO) ::close(nothing);
}

void fill_standard_streams() noexcept {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
    // The lowest number that is free.
    if (::fcntl(number, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) return;
  }
}

Fd standard_stream(int number) noexcept { return Fd(::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)); }

void set_standard_stream(int number, Fd stream) noexcept {
  if (stream.valid()) {
    ::dup2(stream.get(), number);
  } else {
    ::close(number);
  }
}

void close_all_but(std::span<const int> keep) noexcept {
  unsigned first = STDERR_FILENO + 1;
  for (;;) {
    // The lowest of those to keep that is not passed yet; without memory, for there may be none to be had.
    unsigned next = ~0U;
    for (const int fd : keep) {
      if (fd >= 0 && static_cast<unsigned>(fd) >= first) next = std::min(next, static_cast<unsigned>(fd));
    }
    if (next == ~0U) break;
    if (next > first) ::syscall(SYS_close_range, first, next - 1, 0);
    first = next + 1;
  }
  ::syscall(SYS_close_range, first, ~0U, 0);
}

std::optional<ProcessEnd> reap_any() noexcept {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return std::nullopt;
  return ProcessEnd{info.si_pid, info.si_code == CLD_EXITED ? info.si_status : -info.si_status};
}

void wait_for_child() noexcept {
  siginfo_t info{};
  ::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
}

int send_signal_to(int process, int signal) noexcept { return ::kill(process, signal) == 0 ? 0 : -errno; }

void exit_at_once(int code) noexcept { ::_exit(code); }

Fd working_directory() {
  Fd directory(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) throw_error(errno, "open the working directory");
  return directory;
}

int change_directory(const Fd& directory) noexcept { return ::fchdir(directory.get()) == 0 ? 0 : -errno; }

std::string environment() {
  std::string text;
  for (char** entry = ::environ; entry && *entry; ++entry) text.append(*entry).push_back('\0');
  return text;
}

void set_environment(std::string_view text) {
  // Never freed: the environment is the process's for good.
  auto* entries = new std::vector<char*>;
  for (std::size_t end = 0; (end = text.find('\0')) != text.npos; text.remove_prefix(end + 1)) {
    entries->push_back(const_cast<char*>(text.data()));
  }
  entries->push_back(nullptr);
  ::environ = entries->data();
}

}  // namespace plait::os
