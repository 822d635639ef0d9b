// SPDX-License-Identifier: BSL-1.0
#include "terminal_stream.hpp"

#include <cerrno>
#include <memory>
#include <utility>

#include "plait/os/file.hpp"
#include "plait/os/pipe.hpp"

namespace plait::detail {
namespace {

/// When the last program has let go of the terminal, the kernel says EIO to who reads.
class TerminalState final : public StreamState {
 public:
  TerminalState(os::Fd screen, std::string name) noexcept
      : StreamState(std::move(screen), Kind::layer), name_(std::move(name)) {}

  std::string describe() const override { return name_; }
  std::int64_t try_read(int fd, void* into, std::size_t size) noexcept override {
    const std::int64_t n = os::read_file(fd, into, size, -1);
    return n == -EIO ? 0 : n;
  }
  std::int64_t try_write(int fd, const void* from, std::size_t size) noexcept override {
    return os::write_pipe(fd, from, size);
  }
  std::int64_t try_shutdown(int) noexcept override { return -EOPNOTSUPP; }

 private:
  const std::string name_;
};

}  // namespace

Stream terminal_stream(os::Fd screen, std::string name) {
  os::set_blocking(screen.get(), false);
  return Stream(std::make_shared<TerminalState>(std::move(screen), std::move(name)));
}

}  // namespace plait::detail
