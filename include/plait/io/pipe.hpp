// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#include "plait/io/stream.hpp"
#include "plait/os/fd.hpp"

namespace plait {

/// The two ends of a pipe, as `open_pipe` gives them.
struct PipeStreams {
  Stream read;   ///< what comes out
  Stream write;  ///< what goes in
};

/// A pipe: what is written to one end is read from the other; the reader's end comes when the writer closes (os.pipe,
/// trio's memory stream in the kernel). Throws std::system_error when descriptors have run out. Never waits.
PipeStreams open_pipe();

namespace detail {

/// A Stream over the end of a pipe, which it makes non-blocking. `name` is what errors call it.
Stream pipe_stream(os::Fd end, std::string name);

}  // namespace detail
}  // namespace plait
