// SPDX-License-Identifier: BSL-1.0
//
// Idea. A descriptor of inotify(7) is read like the end of a pipe, so it is a Stream, and each read gives whole events.
#include "plait/io/watch_path.hpp"

#include <span>
#include <utility>
#include <vector>

#include "plait/io/pipe.hpp"
#include "plait/io/stream.hpp"

namespace plait {
namespace {

constexpr std::size_t kRoom = std::size_t{16} << 10;
static_assert(kRoom >= os::kMostOfInotifyEvent);

AsyncGenerator<PathEvent> events_of(Stream changes, std::string path, std::source_location at) {
  std::vector<char> room(kRoom);
  while (true) {
    auto read = changes.read_some(std::span(room));
    const std::size_t n = co_await detail::AtLine<decltype(read)&>(read, detail::address_of(at));
    for (os::InotifyEvent& each : os::parse_inotify(std::span(room).first(n))) {
      if (each.mask & os::kInIgnored) co_return;
      std::string where = each.name.empty() ? path : path.ends_with('/') ? path + each.name : path + "/" + each.name;
      co_yield PathEvent(std::move(where), static_cast<PathEvents>(each.mask), each.cookie);
    }
  }
}

}  // namespace

AsyncGenerator<PathEvent> watch_path(std::string path, PathEvents events, std::source_location at) {
  os::Fd fd;
  const int error = os::watch(path, static_cast<std::uint32_t>(events), fd);
  if (error != 0) os::throw_error(error, "watch " + path);
  Stream changes = detail::pipe_stream(std::move(fd), "the changes of " + path);
  return events_of(std::move(changes), std::move(path), at);
}

}  // namespace plait
