// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "plait/plait.hpp"
#include "support/processes.hpp"

namespace plait::test {

/// A port of 127.0.0.1 that nobody listens on.
inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int error = errno;
  ::close(fd);
  if (!bound) throw std::system_error(error, std::generic_category(), "a free port");
  return ntohs(address.sin_port);
}

/// Waits until the adapter's own strands, whose names begin so, have ended.
inline Task<> until_no_strands(std::string_view beginning) {
  const auto lives = [=](const StrandInfo& strand) {
    return strand.name.starts_with(beginning) && strand.state != StrandState::done;
  };
  while (std::ranges::any_of(strands(), lives)) co_await yield_now();
}

inline std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder for a server that does not run as root: it belongs to whom the server runs as.
class ServerFolder : public TemporaryFolder {
 public:
  explicit ServerFolder(const char* user) {
    if (::geteuid() != 0) return;
    // What Debian made for the server, or nobody.
    const passwd* entry = ::getpwnam(user);
    if (!entry) entry = ::getpwnam("nobody");
    uid_ = entry->pw_uid;
    gid_ = entry->pw_gid;
    if (::chown(path().c_str(), uid_, gid_) != 0) throw std::system_error(errno, std::generic_category(), "chown");
  }

  /// How its server is run: as that user, with all that it says in the file `log`.
  subprocess::Options options() const {
    subprocess::Options options{
        .in = subprocess::Null, .out = subprocess::Redirect::append(log_), .err = subprocess::Out, .cwd = path()};
    if (uid_ != 0) {
      options.user = uid_;
      options.group = gid_;
      options.groups = std::span<const std::uint32_t>();
    }
    return options;
  }
  std::string log() const { return text_of(log_); }

 private:
  std::string log_ = path() + "/log";
  std::uint32_t uid_ = 0, gid_ = 0;
};

}  // namespace plait::test
