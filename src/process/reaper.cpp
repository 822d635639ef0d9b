// SPDX-License-Identifier: BSL-1.0
//
// Idea. A Child whose handle is gone has nobody who waits for its end, and would be a zombie. All such are watched by
// one epoll, and one thread that is started for the first and ends with the last of them. Others reap nothing: each end
// is taken by `ChildState::poll`.
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "plait/os/epoll.hpp"
#include "plait/process/child_state.hpp"

namespace plait::detail {
namespace {

class Reaper {
 public:
  /// Never destroyed: its thread may outlive the statics.
  static Reaper& instance() {
    static auto* const reaper = new Reaper;
    return *reaper;
  }

  void take(std::shared_ptr<ChildState> child) {
    const std::scoped_lock guard(mutex_);
    std::erase_if(left_, [this](const auto& each) { return is_over(*each.second); });
    const std::uint64_t key = ++last_;
    const int pidfd = child->pidfd();
    left_.emplace(key, std::move(child));
    epoll_.add(pidfd, os::kEpollIn, key);
    if (running_) return;
    std::thread([this] { reap(); }).detach();
    running_ = true;
  }

 private:
  void reap() noexcept {
    while (true) {
      os::EpollEvent events[16];
      const std::size_t n = epoll_.wait(events, kNever);
      const std::scoped_lock guard(mutex_);
      for (std::size_t i = 0; i < n; ++i) {
        const auto found = left_.find(events[i].data);
        if (found == left_.end()) continue;
        if (is_over(*found->second)) left_.erase(found);
      }
      if (left_.empty()) {
        running_ = false;
        return;
      }
    }
  }

  bool is_over(ChildState& child) noexcept {
    if (!child.poll()) return false;
    epoll_.remove(child.pidfd());
    return true;
  }

  std::mutex mutex_;
  os::Epoll epoll_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ChildState>> left_;
  std::uint64_t last_ = 0;
  bool running_ = false;
};

}  // namespace

void leave_to_reaper(std::shared_ptr<ChildState> child) noexcept {
  try {
    Reaper::instance().take(std::move(child));
  } catch (const std::exception&) {  // no memory, descriptor or thread: it stays a zombie until the next one comes
  }
}

}  // namespace plait::detail
