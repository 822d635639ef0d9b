// SPDX-License-Identifier: BSL-1.0
#include "plait/process/encoder.hpp"

namespace plait::detail {

os::Fd Decoder::descriptor() {
  if (descriptors_.empty()) refuse();
  os::Fd fd = std::move(descriptors_.front());
  descriptors_ = descriptors_.subspan(1);
  return fd;
}

void Decoder::refuse() { throw DecodeError("a message from another process ends too early"); }

}  // namespace plait::detail
