// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/os/epoll.hpp"
#include "plait/sched/poller.hpp"

namespace plait::detail {

class EpollPoller final : public Poller {
 public:
  EpollPoller();
  std::string_view name() const noexcept override { return "epoll"; }
  bool start(IoOperation& operation) noexcept override;
  bool abort(IoOperation& operation) noexcept override;
  void forget(int fd) noexcept override;
  std::size_t in_flight() const noexcept override { return in_flight_; }
  void wait(TimePoint deadline) noexcept override;
  void wake() noexcept override;

 private:
  os::Epoll epoll_;
  os::EventFd waker_;
  std::size_t in_flight_ = 0;
};

}  // namespace plait::detail
