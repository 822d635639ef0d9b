// SPDX-License-Identifier: BSL-1.0
#include "child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "interrupt.hpp"

extern char** environ;

namespace plait::tool {
namespace {

[[noreturn]] void refuse(int error, const char* operation) {
  throw std::system_error(error, std::generic_category(), operation);
}

// No Ctrl-C between the birth of the child and its entry in the list of those that have to end.
int spawn_watched(pid_t* pid, char** argv) {
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  ::posix_spawnattr_setsigmask(&attributes, &before);
  const int error = ::posix_spawn(pid, "/proc/self/exe", nullptr, &attributes, argv, environ);
  ::posix_spawnattr_destroy(&attributes);
  if (error == 0) watch_child(*pid);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) refuse(errno, "pipe2");
  report_fd_ = ends[0];
  // A duplicate made without O_CLOEXEC is the one descriptor of this pipe that the child gets.
  const int writing = ::dup(ends[1]);
  ::close(ends[1]);
  if (writing < 0) refuse(errno, "dup");
  arguments.insert(arguments.begin(), "plait");
  arguments.push_back(std::to_string(writing));
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int error = spawn_watched(&pid_, argv.data());
  ::close(writing);
  if (error != 0) {
    ::close(report_fd_);
    refuse(error, "posix_spawn");
  }
}

ChildProcess::~ChildProcess() {
  ::close(report_fd_);
  if (ended_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  forget_child(pid_);
}

bool ChildProcess::read_more(int timeout_ms) {
  pollfd report{.fd = report_fd_, .events = POLLIN, .revents = 0};
  if (::poll(&report, 1, timeout_ms) <= 0) return true;
  char part[65536];
  const ssize_t got = ::read(report_fd_, part, sizeof part);
  if (got < 0) return errno == EINTR;
  received_.append(part, static_cast<std::size_t>(got));
  return got > 0;
}

std::string ChildProcess::read_report(const std::function<void()>& tick) {
  while (read_more(100)) tick();
  return std::move(received_);
}

std::string ChildProcess::read_line() {
  while (received_.find('\n') == std::string::npos) {
    if (!read_more(-1)) {
      join();
      throw std::runtime_error("a child ended without its report");
    }
  }
  std::string line = received_.substr(0, received_.find('\n'));
  received_.erase(0, line.size() + 1);
  return line;
}

void ChildProcess::join() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  forget_child(pid_);
  if (WIFSIGNALED(status)) {
    throw std::runtime_error(std::string("a child was ended by signal: ") + ::strsignal(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    throw std::runtime_error("a child ended with exit code " + std::to_string(WEXITSTATUS(status)));
  }
}

void die_with_parent() { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }

void send_report(int fd, const std::string& report) {
  for (std::size_t sent = 0; sent < report.size();) {
    const ssize_t written = ::write(fd, report.data() + sent, report.size() - sent);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw std::system_error(errno, std::generic_category(), "write");
    sent += static_cast<std::size_t>(written);
  }
  ::close(fd);
}

}  // namespace plait::tool
