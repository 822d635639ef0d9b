// SPDX-License-Identifier: BSL-1.0
#include "plait/io/stream.hpp"

#include <cerrno>

#include "plait/base/contract.hpp"

namespace plait {

void Stream::shutdown_write() {
  const detail::DescriptorGuard guard(&state());
  const int result = os::shutdown_write(state().fd.get());
  if (result < 0 && result != -ENOTCONN) detail::IoDescriptor::fail(result, "shut down", &state());
}

void Stream::close() { state().close(); }

void Stream::refuse_moved_from() { detail::misuse("Stream: it was moved from and holds no connection."); }

}  // namespace plait
