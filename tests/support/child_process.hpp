// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace plait::test {

/// What `f` gives in a forked child: true or false. False too if the child ends in another way. Its loops use epoll:
/// the rings that this process has cached are not the child's.
template <class F>
bool in_forked_child(F f) {
  std::fflush(nullptr);  // what is there is not the child's to write
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("PLAIT_POLLER", "epoll", 1);
    ::_exit(f() ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// A program that runs until it is killed by the destructor. Its standard output is read here.
class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> command) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    id_ = ::fork();
    if (id_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      std::vector<char*> words;
      for (std::string& word : command) words.push_back(word.data());
      words.push_back(nullptr);
      ::execv(words[0], words.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    ::close(output_);
  }

  int id() const noexcept { return id_; }

  /// The next line of its output, waited for; without the newline.
  std::string read_line() const {
    std::string line;
    for (char c; ::read(output_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

  /// Stops it (SIGSTOP), and returns when it has stopped.
  bool stop() const noexcept {
    int status = 0;
    return ::kill(id_, SIGSTOP) == 0 && ::waitpid(id_, &status, WUNTRACED) == id_ && WIFSTOPPED(status);
  }

 private:
  pid_t id_ = -1;
  int output_ = -1;
};

}  // namespace plait::test
