// SPDX-License-Identifier: BSL-1.0
#include "plait/os/inotify.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace plait::os {

static_assert(kInAccess == IN_ACCESS && kInModify == IN_MODIFY && kInAttrib == IN_ATTRIB);
static_assert(kInCloseWrite == IN_CLOSE_WRITE && kInCloseNoWrite == IN_CLOSE_NOWRITE && kInOpen == IN_OPEN);
static_assert(kInMovedFrom == IN_MOVED_FROM && kInMovedTo == IN_MOVED_TO && kInCreate == IN_CREATE);
static_assert(kInDelete == IN_DELETE && kInDeleteSelf == IN_DELETE_SELF && kInMoveSelf == IN_MOVE_SELF);
static_assert(kInUnmount == IN_UNMOUNT && kInOverflow == IN_Q_OVERFLOW && kInIgnored == IN_IGNORED);
static_assert(kInIsDir == IN_ISDIR && kMostOfInotifyEvent >= sizeof(inotify_event) + 256);

int watch(const std::string& path, std::uint32_t mask, Fd& into) noexcept {
  Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.valid()) return errno;
  if (::inotify_add_watch(fd.get(), path.c_str(), mask) < 0) return errno;
  into = std::move(fd);
  return 0;
}

std::vector<InotifyEvent> parse_inotify(std::span<const char> bytes) {
  std::vector<InotifyEvent> events;
  while (bytes.size() >= sizeof(inotify_event)) {
    inotify_event head;
    std::memcpy(&head, bytes.data(), sizeof head);
    bytes = bytes.subspan(sizeof head);
    const std::size_t length = std::min<std::size_t>(head.len, bytes.size());
    // The name is filled up with NULs.
    events.push_back({head.mask, head.cookie, std::string(bytes.data(), ::strnlen(bytes.data(), length))});
    bytes = bytes.subspan(length);
  }
  return events;
}

}  // namespace plait::os
