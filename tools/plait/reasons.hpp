// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#include <sys/types.h>

namespace plait::tool {

/// Why a name was not read: a positive value is the system's errno, a negative one is ours. 0 means it was read.
enum Unread : int {
  kRead = 0,
  kShrank = -1,
  kFifo = -2,
  kSocket = -3,
  kDevice = -4,
  kNotRegular = -5,
};

/// The reason for a file type that is never opened, because opening or reading it may wait for ever; kRead for a
/// regular file.
Unread unread_for_mode(mode_t mode);

/// The reason in words, as it follows `plait: NAME: `.
std::string reason_text(int reason);

}  // namespace plait::tool
