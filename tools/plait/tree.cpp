// SPDX-License-Identifier: BSL-1.0
#include "tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "reasons.hpp"

namespace plait::tool {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

class Walk {
 public:
  explicit Walk(Tree& tree) : tree_(tree) {}

  // Real directories come before any link, so that what has a real path is found under it.
  void from(const std::string& root) {
    real_.push_back(root);
    while (!real_.empty() || !linked_.empty()) {
      if (!real_.empty()) {
        const std::string name = std::move(real_.front());
        real_.pop_front();
        list(name);
      } else {
        list(linked_.extract(linked_.begin()).value());
      }
    }
  }

 private:
  void list(const std::string& name) {
    std::unique_ptr<DIR, CloseDirectory> directory(::opendir(name.c_str()));
    struct stat self{};
    if (!directory || ::fstat(::dirfd(directory.get()), &self) != 0) return unread(name, errno);
    if (!listed_.emplace(self.st_dev, self.st_ino).second) return;
    std::string prefix = name.back() == '/' ? name : name + '/';
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (entry == nullptr) {
        if (errno != 0) unread(name, errno);
        return;
      }
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      meet(::dirfd(directory.get()), entry->d_name, prefix + entry->d_name);
    }
  }

  void meet(int directory, const char* entry, const std::string& name) {
    struct stat found{};
    if (::fstatat(directory, entry, &found, AT_SYMLINK_NOFOLLOW) != 0) return unread(name, errno);
    const bool link = S_ISLNK(found.st_mode);
    if (link && ::fstatat(directory, entry, &found, 0) != 0) return unread(name, errno);
    if (S_ISDIR(found.st_mode)) {
      link ? void(linked_.insert(name)) : real_.push_back(name);
    } else if (Unread reason = unread_for_mode(found.st_mode); reason != kRead) {
      unread(name, reason);
    } else {
      tree_.files.add(name);
      tree_.bytes += static_cast<std::uint64_t>(found.st_size);
    }
  }

  void unread(const std::string& name, int reason) { tree_.unread.push_back({name, reason}); }

  Tree& tree_;
  std::deque<std::string> real_;
  std::set<std::string> linked_;  // ordered: of two links to one directory, the one that sorts first names its files
  std::set<std::pair<dev_t, ino_t>> listed_;
};

}  // namespace

Tree walk(const std::string& root) {
  struct stat self{};
  if (::stat(root.c_str(), &self) != 0) throw std::system_error(errno, std::generic_category(), root);
  if (!S_ISDIR(self.st_mode)) throw std::system_error(ENOTDIR, std::generic_category(), root);
  Tree tree;
  Walk(tree).from(root);
  tree.files.sort();
  std::sort(tree.unread.begin(), tree.unread.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return tree;
}

}  // namespace plait::tool
