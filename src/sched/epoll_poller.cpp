// SPDX-License-Identifier: BSL-1.0
#include "epoll_poller.hpp"

#include <array>
#include <stdexcept>
#include <string>

namespace plait::detail {
namespace {
constexpr std::uint64_t kWakeMark = ~std::uint64_t{0};
}

EpollPoller::EpollPoller() { epoll_.add(waker_.get(), os::kEpollIn | os::kEpollEdge, kWakeMark); }

bool EpollPoller::start(IoOperation& operation) noexcept {
  operation.result = -38;
  return true;
}

bool EpollPoller::abort(IoOperation&) noexcept { return false; }

void EpollPoller::forget(int) noexcept {}

void EpollPoller::wait(TimePoint deadline) noexcept {
  std::array<os::EpollEvent, 256> events;
  const std::size_t n = epoll_.wait(events, deadline);
  for (std::size_t i = 0; i < n; ++i) {
    if (events[i].data == kWakeMark) waker_.drain();
  }
}

void EpollPoller::wake() noexcept { waker_.signal(); }

std::unique_ptr<Poller> make_poller(std::string_view choice) {
  if (!choice.empty() && choice != "epoll") {
    throw std::invalid_argument("plait: unknown poller \"" + std::string(choice) + "\"");
  }
  return std::make_unique<EpollPoller>();
}

}  // namespace plait::detail
