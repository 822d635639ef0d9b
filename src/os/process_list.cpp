// SPDX-License-Identifier: BSL-1.0
#include "plait/os/process_list.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <memory>

#include "plait/os/fd.hpp"

namespace plait::os {
namespace {

Fd open_in_proc(int pid, const char* name) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", pid, name);
  return Fd(::open(path.data(), O_RDONLY | O_CLOEXEC));
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

std::optional<ProcessEntry> look_at_process(int pid) {
  const Fd fd = open_in_proc(pid, "stat");
  std::array<char, 1024> text;
  const ssize_t n = fd.valid() ? ::read(fd.get(), text.data(), text.size()) : 0;
  std::string_view rest(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  // The second field, the name in parentheses, may have anything in it.
  const std::size_t name_end = rest.rfind(')');
  if (name_end == rest.npos) return {};
  ProcessEntry entry{.pid = pid};
  rest.remove_prefix(name_end + 1);
  for (int field = 3; field <= 22; ++field) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (field == 3) entry.zombie = word == "Z" || word == "X";
    if (field == 4) std::from_chars(word.data(), word.data() + word.size(), entry.parent);
    if (field == 22) std::from_chars(word.data(), word.data() + word.size(), entry.start);
    rest.remove_prefix(word.size());
  }
  return entry;
}

std::vector<ProcessEntry> list_processes() {
  std::vector<ProcessEntry> processes;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir("/proc"));
  while (const dirent* each = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = each->d_name;
    int pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (const auto entry = look_at_process(pid)) processes.push_back(*entry);
  }
  return processes;
}

bool environment_contains(int pid, std::string_view text) {
  const Fd fd = open_in_proc(pid, "environ");
  std::string all;
  std::array<char, 4096> chunk;
  ssize_t n = 0;
  while (fd.valid() && ((n = ::read(fd.get(), chunk.data(), chunk.size())) > 0 || (n < 0 && errno == EINTR))) {
    if (n > 0) all.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return all.find(text) != std::string::npos;
}

std::uint64_t process_clock() noexcept {
  constexpr std::uint64_t kNanoseconds = 1'000'000'000;
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * ticks +
         static_cast<std::uint64_t>(now.tv_nsec) * ticks / kNanoseconds;
}

std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) throw_error(errno, "getrandom");
  std::string text;
  for (const unsigned char byte : bytes) {
    constexpr char kFigures[] = "0123456789abcdef";
    text += kFigures[byte >> 4];
    text += kFigures[byte & 15];
  }
  return text;
}

}  // namespace plait::os
