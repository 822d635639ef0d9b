// SPDX-License-Identifier: BSL-1.0
//
// Idea. A walk is a machine that is turned in threads of the pool: each turn fills a batch and returns, and the
// generator gives out the batch. So there is one hop between threads for some hundreds of entries, whatever the size of
// the directories, and one descriptor at a time is open. What is still to be entered is a stack of paths.
//
// The generator waits for a turn that was begun, so machine and batch are never used by two threads.
#include "plait/io/directory.hpp"

#include <cerrno>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {
namespace {

/// A turn ends when so many entries are there, or so many directories have been opened.
constexpr std::size_t kEntriesPerTurn = 256;
constexpr int kDirectoriesPerTurn = 64;

std::string joined(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

std::error_code code_of(int error) noexcept { return {error, std::generic_category()}; }

class Walk {
 public:
  Walk(std::string root, WalkOptions options) : options_(options) { to_enter_.push_back({std::move(root), 0}); }

  /// The next entries; none at the end. Throws only std::bad_alloc.
  std::vector<DirectoryEntry> turn() {
    batch_.clear();
    opened_ = 0;
    while (batch_.size() < kEntriesPerTurn && opened_ < kDirectoriesPerTurn && error_ == 0) {
      if (!directory_.is_open() && !enter_next()) break;
      if (directory_.is_open()) read_some();
    }
    return std::move(batch_);
  }
  bool over() const noexcept { return error_ != 0 || (to_enter_.empty() && !directory_.is_open()); }
  /// What ended it, after its last entries: an errno, or 0.
  int error() const noexcept { return error_; }
  const std::string& path() const noexcept { return here_.path; }

 private:
  struct Place {
    std::string path;
    int depth;
  };

  bool enter_next() {
    if (to_enter_.empty()) return false;
    here_ = std::move(to_enter_.back());
    to_enter_.pop_back();
    ++opened_;
    if (const int error = directory_.open(here_.path)) {
      fail(error);
    } else if (options_.follow_links) {
      os::FileIdentity which;
      if (directory_.identity(which) == 0 && !entered_.insert(which).second) directory_.close();
    }
    return true;
  }

  void read_some() {
    std::vector<os::NameInDirectory> names;
    bool end = false;
    const int error = directory_.read(names, end);
    for (os::NameInDirectory& each : names) add(each);
    if (end) directory_.close();
    if (error) fail(error);
  }

  void add(const os::NameInDirectory& found) {
    std::string path = joined(here_.path, found.name);
    FileType type = found.type;
    if (type == FileType::link && options_.follow_links) {
      FileType target = type;
      os::FileIdentity which;
      if (os::look_at(path, true, target, which) == 0) type = target;
    }
    if (type == FileType::directory && here_.depth < options_.max_depth && (!options_.enter || options_.enter(path))) {
      to_enter_.push_back({path, here_.depth + 1});
    }
    const std::size_t name_at = path.size() - found.name.size();
    batch_.emplace_back(std::move(path), name_at, type, here_.depth);
  }

  void fail(int error) {
    const bool root = here_.depth == 0;
    if (root || options_.errors == WalkErrors::raise) {
      error_ = error;
    } else if (options_.errors == WalkErrors::report) {
      const std::size_t slash = here_.path.rfind('/');
      batch_.emplace_back(here_.path, slash + 1, FileType::directory, here_.depth - 1, code_of(error));
    }
  }

  const WalkOptions options_;
  std::vector<Place> to_enter_;
  std::set<os::FileIdentity> entered_;
  os::Directory directory_;
  Place here_{"", 0};
  std::vector<DirectoryEntry> batch_;
  int opened_ = 0;
  int error_ = 0;
};

int make_with_parents(const std::string& path, unsigned permissions) noexcept {
  const int error = os::make_directory(path, permissions);
  if (error == -EEXIST) {
    FileType type = FileType::unknown;
    os::FileIdentity which;
    return os::look_at(path, true, type, which) == 0 && type == FileType::directory ? 0 : error;
  }
  const std::size_t slash =
      path.find_last_not_of('/') == path.npos ? path.npos : path.rfind('/', path.find_last_not_of('/'));
  if (error != -ENOENT || slash == path.npos || slash == 0) return error;
  const int above = make_with_parents(path.substr(0, slash), 0777);
  return above == 0 ? make_with_parents(path, permissions) : above;
}

/// Awaits a call of the pool, which gives minus an errno.
template <class Call>
Task<> await_call(Call call, std::string what, std::source_location at) {
  const int n = co_await AtLine<Call&>(call, address_of(at));
  if (n < 0) os::throw_error(-n, what);
}

}  // namespace
}  // namespace detail

AsyncGenerator<DirectoryEntry> walk(std::string path, WalkOptions options, std::source_location at) {
  detail::Walk walk(std::move(path), options);
  while (!walk.over()) {
    auto turn = to_thread(&detail::Walk::turn, &walk);
    std::vector<DirectoryEntry> batch = co_await detail::AtLine<decltype(turn)&>(turn, detail::address_of(at));
    for (DirectoryEntry& entry : batch) co_yield std::move(entry);
  }
  if (walk.error() != 0) os::throw_error(walk.error(), "read directory " + walk.path());
}

AsyncGenerator<DirectoryEntry> read_directory(std::string path, std::source_location at) {
  return walk(std::move(path), WalkOptions{.max_depth = 0}, at);
}

Task<> make_directory(std::string path, MakeDirectoryOptions options, std::source_location at) {
  std::string what = "make directory " + path;
  const auto make = options.parents ? &detail::make_with_parents : &os::make_directory;
  return detail::await_call(to_thread(make, std::move(path), options.permissions), std::move(what), at);
}

Task<> rename_file(std::string from, std::string to, bool replace, std::source_location at) {
  std::string what = "rename " + from + " to " + to;
  return detail::await_call(to_thread(&os::rename_file, std::move(from), std::move(to), replace), std::move(what), at);
}

Task<> remove_file(std::string path, std::source_location at) {
  std::string what = "remove " + path;
  return detail::await_call(to_thread(&os::remove_file, std::move(path)), std::move(what), at);
}

Task<> remove_directory(std::string path, std::source_location at) {
  std::string what = "remove directory " + path;
  return detail::await_call(to_thread(&os::remove_directory, std::move(path)), std::move(what), at);
}

}  // namespace plait
