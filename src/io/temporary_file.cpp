// SPDX-License-Identifier: BSL-1.0
//
// Idea. A name is twelve letters by chance, and the making of it fails if it is there already; then another is tried. A
// thread of the pool does all of it in one call, which a cancel waits for; so what was made and then is not wanted is
// an object that removes it.
#include "plait/io/temporary_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>

#include "plait/os/directory.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

constexpr int kAttempts = 100;

/// As `TemporaryOptions`, for another thread.
class Pattern {
 public:
  explicit Pattern(const TemporaryOptions& options)
      : directory(options.directory), prefix_(options.prefix), suffix_(options.suffix) {
    if (directory.empty()) {
      const char* chosen = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody sets it
      directory = chosen && *chosen ? chosen : "/tmp";
    }
  }
  std::string path() const {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
    std::random_device chance;
    std::string path = directory + "/" + prefix_;
    for (int i = 0; i < 12; ++i) path += kLetters[chance() % kLetters.size()];
    return path + suffix_;
  }
  std::string directory;

 private:
  std::string prefix_, suffix_;
};

/// A path that was made, and the open file if it is one.
class Made {
 public:
  Made(int error, std::string path, os::Fd fd) : error(error), path(std::move(path)), fd(std::move(fd)) {}
  int error;
  std::string path;
  os::Fd fd;
};

constexpr os::FileAccess kNew{.read = true, .write = true, .create = true, .exclusive = true};
constexpr os::FileAccess kUnnamed{.read = true, .write = true, .unnamed = true};

Made make_file(const Pattern& pattern) {
  for (int attempt = 1;; ++attempt) {
    std::string path = pattern.path();
    os::OpenedFile opened = os::open_file(path, os::open_flags(kNew), 0600);
    if (opened.error != EEXIST || attempt == kAttempts) return {opened.error, std::move(path), std::move(opened.fd)};
  }
}

Made make_unnamed_file(const Pattern& pattern) {
  os::OpenedFile opened = os::open_file(pattern.directory, os::open_flags(kUnnamed), 0600);
  if (opened.error == 0) return {0, pattern.directory, std::move(opened.fd)};
  // EISDIR: a kernel that does not know the flag.
  if (opened.error != EOPNOTSUPP && opened.error != EISDIR) return {opened.error, pattern.directory, os::Fd()};
  Made made = make_file(pattern);
  if (made.error == 0) os::remove_file(made.path);
  return made;
}

Made make_folder(const Pattern& pattern) {
  for (int attempt = 1;; ++attempt) {
    std::string path = pattern.path();
    const int error = -os::make_directory(path, 0700);
    if (error != EEXIST || attempt == kAttempts) return {error, std::move(path), os::Fd()};
  }
}

Task<Made> make(Made (*how)(const Pattern&), const Pattern& pattern, const char* what, std::source_location at) {
  auto call = to_thread(how, pattern);
  Made made = co_await AtLine<decltype(call)&>(call, address_of(at));
  if (made.error != 0) os::throw_error(made.error, what + made.path);
  co_return std::move(made);
}

File file_of(os::Fd fd, std::string path) {
  return File(std::make_shared<FileState>(std::move(fd), std::move(path), false));
}

int remove_tree(const std::string& path, std::string& failed) {
  try {
    std::filesystem::remove_all(path);
    return 0;
  } catch (const std::filesystem::filesystem_error& error) {
    failed = (error.path2().empty() ? error.path1() : error.path2()).string();
    return error.code().value();
  }
}

Task<File> unnamed(Pattern pattern, std::source_location at) {
  Made made = co_await make(&make_unnamed_file, pattern, "make a temporary file in ", at);
  co_return file_of(std::move(made.fd), "a temporary file in " + pattern.directory);
}

Task<NamedTemporaryFile> named(Pattern pattern, std::source_location at) {
  Made made = co_await make(&make_file, pattern, "make a temporary file: ", at);
  File file = file_of(std::move(made.fd), made.path);
  co_return NamedTemporaryFile(std::move(made.path), std::move(file));
}

Task<TemporaryDirectory> folder(Pattern pattern, std::source_location at) {
  Made made = co_await make(&make_folder, pattern, "make a temporary directory: ", at);
  co_return TemporaryDirectory(std::move(made.path));
}

}  // namespace
}  // namespace detail

// What the options refer to is copied before the Task begins, for that may be later.

Task<File> temporary_file(TemporaryOptions options, std::source_location at) {
  return detail::unnamed(detail::Pattern(options), at);
}

Task<NamedTemporaryFile> named_temporary_file(TemporaryOptions options, std::source_location at) {
  return detail::named(detail::Pattern(options), at);
}

Task<TemporaryDirectory> temporary_directory(TemporaryOptions options, std::source_location at) {
  return detail::folder(detail::Pattern(options), at);
}

TemporaryPath::~TemporaryPath() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Task<> TemporaryDirectory::remove(std::source_location at) {
  if (path_.empty()) co_return;
  std::string failed;
  auto call = to_thread(&detail::remove_tree, path_, std::ref(failed));
  const int error = co_await detail::AtLine<decltype(call)&>(call, detail::address_of(at));
  if (error != 0) os::throw_error(error, "remove " + (failed.empty() ? path_ : failed));
  path_.clear();
}

}  // namespace plait
