// SPDX-License-Identifier: BSL-1.0
#include "reasons.hpp"

#include <sys/stat.h>

#include <system_error>

namespace plait::tool {

Unread unread_for_mode(mode_t mode) {
  if (S_ISREG(mode)) return kRead;
  if (S_ISFIFO(mode)) return kFifo;
  if (S_ISSOCK(mode)) return kSocket;
  if (S_ISCHR(mode) || S_ISBLK(mode)) return kDevice;
  return kNotRegular;
}

std::string reason_text(int reason) {
  switch (reason) {
    case kRead:
      return "read";
    case kShrank:
      return "shrank while it was read";
    case kFifo:
      return "is a FIFO; not read";
    case kSocket:
      return "is a socket; not read";
    case kDevice:
      return "is a device; not read";
    case kNotRegular:
      return "is not a regular file; not read";
    default:
      return std::generic_category().message(reason);
  }
}

}  // namespace plait::tool
