// SPDX-License-Identifier: BSL-1.0
//
// Idea. openat2(RESOLVE_BENEATH) makes it the kernel's business that no "..", no link and no race of a rename leads out
// of the root. What the kernel knows is opened at once (RESOLVE_CACHED), what needs the disk in another thread.
#include "static_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "conditions.hpp"
#include "http_date.hpp"
#include "http_error.hpp"
#include "mime_types.hpp"
#include "output.hpp"
#include "ranges.hpp"

namespace httpd {
namespace {

/// As much is sent with the head, by one system call; of larger files sendfile(2) sends the body.
constexpr std::uint64_t kSmall = std::uint64_t{16} << 10;

/// A descriptor, or minus an errno.
int open_beneath(int root, const std::string& name, std::uint64_t resolve, std::uint64_t flags) noexcept {
  open_how how{};
  how.flags = flags | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
  const long fd = ::syscall(SYS_openat2, root, name.c_str(), &how, sizeof how);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

[[noreturn]] void refuse(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      throw HttpError(404, "there is no such file");
    case EACCES:
    case EPERM:
    case ENXIO:
    case EXDEV:
    case ELOOP:
      throw HttpError(403, "this is not for you");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      throw HttpError(503, "too much is going on");
    default:
      throw HttpError(500, "the file can't be read");
  }
}

struct Opened {
  explicit Opened(int descriptor) : fd(descriptor) {
    if (::fstat(descriptor, &what) != 0) refuse(errno);
  }
  plait::os::Fd fd;
  struct stat what{};
};

plait::Task<Opened> open_name(int root, std::string name) {
  int fd = open_beneath(root, name, RESOLVE_CACHED, O_RDONLY);
  if (fd == -EAGAIN || fd == -EINVAL) {
    const auto open = [root, &name] { return open_beneath(root, name, 0, O_RDONLY); };
    fd = co_await plait::to_thread(open);
  }
  if (fd < 0) refuse(-fd);
  co_return Opened(fd);
}

Validators validators_of(const struct stat& what) {
  std::array<char, 64> tag;
  const int n = std::snprintf(
      tag.data(), tag.size(), "\"%llx-%llx%08lx\"", static_cast<unsigned long long>(what.st_size),
      static_cast<unsigned long long>(what.st_mtim.tv_sec), static_cast<unsigned long>(what.st_mtim.tv_nsec));
  return {std::string(tag.data(), static_cast<std::size_t>(n)), what.st_mtim.tv_sec};
}

plait::Task<> redirect_to_folder(Exchange& exchange, const Target& target) {
  // One slash only: "//host/" would be another server.
  std::string place = "/";
  place.append(target.path.substr(std::min(target.path.find_first_not_of('/'), target.path.size())));
  place.append("/").append(target.query);
  Answer answer(exchange, 301);
  answer.field("Location", place).length(0);
  co_await send_answer(exchange, answer);
}

plait::Task<> send_content(Exchange& exchange, Opened opened, const std::string& name) {
  const auto size = static_cast<std::uint64_t>(opened.what.st_size);
  const Validators validators = validators_of(opened.what);
  const int status = check_conditions(exchange.request, validators);
  if (status == 412) throw HttpError(412, "the file is another one");
  Range range;
  const std::string_view wanted = exchange.request.get("Range");
  if (status == 200 && !wanted.empty() && range_counts(exchange.request, validators)) range = read_range(wanted, size);
  if (range.kind == Range::Kind::unsatisfied) {
    Answer answer(exchange, 416);
    answer.field("Content-Range", "bytes */" + std::to_string(size)).length(0);
    co_await send_answer(exchange, answer);
    co_return;
  }
  const bool part = range.kind == Range::Kind::part;
  const std::uint64_t first = part ? range.first : 0, length = part ? range.length : size;
  Answer answer(exchange, status == 304 ? 304 : part ? 206 : 200);
  answer.field("ETag", validators.etag).field("Last-Modified", http_date(validators.modified));
  if (status == 304) {
    co_await send_answer(exchange, answer);
    co_return;
  }
  answer.field("Content-Type", mime_type(name)).field("Accept-Ranges", "bytes").length(length);
  if (part) {
    answer.field("Content-Range", "bytes " + std::to_string(first) + '-' + std::to_string(first + length - 1) + '/' +
                                      std::to_string(size));
  }
  if (length == 0 || exchange.is_head()) {
    co_await send_answer(exchange, answer);
    co_return;
  }
  plait::File file = plait::adopt_file(std::move(opened.fd), name);
  if (length <= kSmall) {
    std::string content(length, '\0');
    if (co_await file.read_at(first, std::span<char>(content)) != length) throw HttpError(500, "the file has changed");
    co_await send_answer(exchange, answer, content);
    co_return;
  }
  co_await send_answer(exchange, answer);
  co_await write_file(exchange.stream, file, first, length, exchange.settings.write_timeout);
  exchange.sent += length;
}

}  // namespace

StaticFiles::StaticFiles(const std::string& root) : root_(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!root_.valid()) throw std::system_error(errno, std::generic_category(), "open the folder " + root);
  const plait::os::Fd probe(open_beneath(root_.get(), ".", 0, O_RDONLY));
  if (probe.get() < 0) throw std::system_error(-probe.get(), std::generic_category(), "openat2 in " + root);
}

plait::Task<> StaticFiles::answer(Exchange& exchange, const Target& target) const {
  if (exchange.request.method != "GET" && !exchange.is_head()) {
    co_await send_error(exchange, 405, "only GET and HEAD", "GET, HEAD");
    co_return;
  }
  std::string name = file_name(target.path);
  Opened opened = co_await open_name(root_.get(), name);
  if (S_ISDIR(opened.what.st_mode)) {
    if (!target.path.ends_with('/')) {
      co_await redirect_to_folder(exchange, target);
      co_return;
    }
    if (!name.ends_with('/')) name += '/';
    name += "index.html";
    opened = co_await open_name(root_.get(), name);
  }
  if (!S_ISREG(opened.what.st_mode)) throw HttpError(403, "this is no file");
  co_await send_content(exchange, std::move(opened), name);
}

}  // namespace httpd
