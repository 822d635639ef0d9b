// SPDX-License-Identifier: BSL-1.0
#include "plait/io/pipe.hpp"

#include <memory>
#include <utility>

#include "plait/os/pipe.hpp"

namespace plait {

PipeStreams open_pipe() {
  os::PipeEnds ends = os::open_pipe();
  return {detail::pipe_stream(std::move(ends.read), "the reading end of a pipe"),
          detail::pipe_stream(std::move(ends.write), "the writing end of a pipe")};
}

Stream detail::pipe_stream(os::Fd end, std::string name) {
  os::set_blocking(end.get(), false);
  return Stream(std::make_shared<PipeState>(std::move(end), std::move(name)));
}

}  // namespace plait
