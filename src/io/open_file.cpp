// SPDX-License-Identifier: BSL-1.0
//
// Idea. To read or update: at once if the kernel knows the path, else io_uring or a thread, which a cancel may leave
// behind, because an open leaves no trace. What makes or empties a file is done by a thread that a cancel waits for; as
// that one must not wait for others, it opens non-blocking, and only a FIFO that nobody reads is opened once more, by a
// thread that may be left behind.
#include <cerrno>
#include <utility>

#include "plait/core/current_strand.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/io/file.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

class OpenFile : public IoLeaf<OpenFile> {
 public:
  OpenFile(const std::string& path, int flags) noexcept : IoLeaf(Kind::open, nullptr) {
    buffer = const_cast<char*>(path.c_str());
    offset = flags;
  }
  os::OpenedFile take() const noexcept {
    if (result < 0) return {static_cast<int>(-result), os::Fd(), false};
    return os::look_at_opened(os::Fd(static_cast<int>(result)));
  }
};

os::FileAccess access_of(const OpenOptions& options) noexcept {
  os::FileAccess access;
  const OpenMode mode = options.mode;
  access.read = mode == OpenMode::read || mode == OpenMode::update || mode == OpenMode::keep || options.readable;
  access.write = mode != OpenMode::read;
  access.append = mode == OpenMode::append;
  access.create = mode != OpenMode::read && mode != OpenMode::update;
  access.truncate = mode == OpenMode::write;
  access.exclusive = mode == OpenMode::exclusive;
  return access;
}

/// Waits for others, too; given up by a cancel.
Task<os::OpenedFile> open_waiting(const std::string& path, int flags, std::source_location at) {
  const ToThreadOptions options{.abandon_on_cancel = true};
  auto open = to_thread(options, &os::open_file, path, flags, 0u);
  co_return co_await AtLine<decltype(open)&>(open, address_of(at));
}

/// Opens what is there.
Task<os::OpenedFile> open_existing(const std::string& path, int flags, std::source_location at) {
  os::OpenedFile opened{EAGAIN, os::Fd(), false};
  const auto try_it = [&] {
    opened = os::open_cached(path, flags);
    return std::int64_t{-opened.error};
  };
  CallAtOnce call(try_it);
  co_await AtLine<decltype(call)&>(call, address_of(at));
  if (opened.error != EAGAIN) co_return std::move(opened);
  const Strand& self = co_await CurrentStrand{};
  if (!self.scheduler->poller().waits_for_files()) co_return co_await open_waiting(path, flags, at);
  OpenFile open(path, flags);
  co_return co_await AtLine<OpenFile&>(open, address_of(at));
}

/// Opens what may have to be made or emptied.
Task<os::OpenedFile> open_new(const std::string& path, const os::FileAccess& access, unsigned permissions,
                              std::source_location at) {
  const int flags = os::open_flags(access);
  auto open = to_thread(&os::open_at_once, path, flags, permissions);
  os::OpenedFile opened = co_await AtLine<decltype(open)&>(open, address_of(at));
  if (opened.error == EAGAIN) {
    auto again = to_thread(&os::open_file, path, flags, permissions);
    opened = co_await AtLine<decltype(again)&>(again, address_of(at));
  }
  if (opened.error != ENXIO) co_return std::move(opened);
  const os::FileAccess existing{.read = access.read, .write = access.write, .append = access.append};
  co_return co_await open_waiting(path, os::open_flags(existing), at);
}

}  // namespace
}  // namespace detail

Task<File> open_file(std::string path, OpenOptions options, std::source_location at) {
  const os::FileAccess access = detail::access_of(options);
  os::OpenedFile opened{0, os::Fd(), false};
  if (access.create) {
    opened = co_await detail::open_new(path, access, options.permissions, at);
  } else {
    opened = co_await detail::open_existing(path, os::open_flags(access), at);
  }
  if (opened.error != 0) os::throw_error(opened.error, "open " + path);
  if (!options.close_on_exec) os::let_inherit(opened.fd.get());
  auto state = std::make_shared<detail::FileState>(std::move(opened.fd), std::move(path), opened.waits);
  state->appends = access.append;
  if (const std::int64_t end = access.append && !opened.waits ? os::file_size(state->fd.get()) : 0; end > 0) {
    state->position = static_cast<std::uint64_t>(end);
  }
  co_return File(std::move(state));
}

Task<File> open_file(std::string path, OpenMode mode, std::source_location at) {
  return open_file(std::move(path), OpenOptions{.mode = mode}, at);
}

File adopt_file(os::Fd descriptor, std::string path) {
  os::OpenedFile opened = os::look_at_opened(std::move(descriptor));
  if (opened.error != 0) os::throw_error(opened.error, "adopt " + path);
  return File(std::make_shared<detail::FileState>(std::move(opened.fd), std::move(path), opened.waits));
}

}  // namespace plait
