// SPDX-License-Identifier: BSL-1.0
#include "plait/io/file.hpp"

#include <cerrno>

#include "plait/core/current_strand.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/os/file.hpp"
#include "plait/sched/gather.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

/// One read(2) by the poller; on the descriptor's number only if the file never waits for readiness.
class ReadFile : public IoLeaf<ReadFile> {
 public:
  ReadFile(FileState& file, void* into, std::size_t size, std::int64_t at) noexcept
      : IoLeaf(Kind::read, file.waits ? &file : nullptr, file.fd.get()) {
    buffer = into;
    length = size;
    offset = at;
  }
  std::int64_t take() const noexcept { return result; }
};

class OpenFile : public IoLeaf<OpenFile> {
 public:
  explicit OpenFile(const std::string& path) noexcept : IoLeaf(Kind::open, nullptr) {
    buffer = const_cast<char*>(path.c_str());
    offset = 0;
  }
  os::OpenedFile take() const noexcept {
    if (result < 0) return {static_cast<int>(-result), os::Fd(), false};
    return os::look_at_opened(os::Fd(static_cast<int>(result)));
  }
};

}  // namespace
}  // namespace detail

File::~File() {
  if (state_ && state_->waits) state_->close_or_fail();
}

void File::close() {
  if (state_ && state_->waits) state_->close();
  state_.reset();
}

const std::shared_ptr<detail::FileState>& File::share() const {
  if (!state_) os::throw_error(EBADF, "use of a File that is closed");
  return state_;
}

Task<std::size_t> File::read(std::shared_ptr<detail::FileState> state, Piece piece, std::source_location at) {
  const detail::Strand& self = co_await detail::CurrentStrand{};
  std::int64_t n = 0;
  if (state->waits || self.scheduler->poller().waits_for_files()) {
    detail::ReadFile read(*state, piece.into, piece.size, piece.offset);
    n = co_await detail::AtLine<detail::ReadFile&>(read, detail::address_of(at));
  } else {
    auto read = to_thread(&os::read_file, state->fd.get(), piece.into, piece.size, piece.offset);
    n = co_await detail::AtLine<decltype(read)&>(read, detail::address_of(at));
  }
  if (n < 0) detail::IoDescriptor::fail(n, "read", state.get());
  co_return static_cast<std::size_t>(n);
}

Task<File> open_file(std::string path, std::source_location at) {
  const detail::Strand& self = co_await detail::CurrentStrand{};
  const auto file_of = [&](os::OpenedFile opened) {
    if (opened.error != 0) os::throw_error(opened.error, "open " + path);
    return File(std::make_shared<detail::FileState>(std::move(opened.fd), path, opened.waits));
  };
  if (self.scheduler->poller().waits_for_files()) {
    detail::OpenFile open(path);
    os::OpenedFile opened = co_await detail::AtLine<detail::OpenFile&>(open, detail::address_of(at));
    co_return file_of(std::move(opened));
  }
  const ToThreadOptions options{.abandon_on_cancel = true};
  auto open = to_thread(options, &os::open_to_read, path);
  os::OpenedFile opened = co_await detail::AtLine<decltype(open)&>(open, detail::address_of(at));
  co_return file_of(std::move(opened));
}

}  // namespace plait
