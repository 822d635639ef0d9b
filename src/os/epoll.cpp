// SPDX-License-Identifier: BSL-1.0
#include "plait/os/epoll.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "plait/base/atomic.hpp"

namespace plait::os {

static_assert(kEpollIn == +EPOLLIN && kEpollOut == +EPOLLOUT && kEpollErr == +EPOLLERR && kEpollHup == +EPOLLHUP);
static_assert(kEpollPri == +EPOLLPRI && kEpollReadHup == +EPOLLRDHUP);
static_assert(kEpollOneShot == +EPOLLONESHOT && kEpollEdge == +EPOLLET);

namespace {

int control(int epoll, int op, int fd, std::uint32_t events, std::uint64_t data) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return ::epoll_ctl(epoll, op, fd, &event) == 0 ? 0 : errno;
}

Atomic<bool> lacks_pwait2{false};

int wait_until(int epoll, epoll_event* events, int most, TimePoint deadline) noexcept {
  if (deadline == TimePoint::max()) return ::epoll_wait(epoll, events, most, -1);
  Duration left = std::max(deadline - std::chrono::steady_clock::now(), Duration::zero());
  if (deadline == TimePoint{} || left == Duration::zero()) return ::epoll_wait(epoll, events, most, 0);
#ifdef SYS_epoll_pwait2
  if (!lacks_pwait2.load(std::memory_order_relaxed)) {
    const timespec limit{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
    const long n = ::syscall(SYS_epoll_pwait2, epoll, events, most, &limit, nullptr, 0);
    if (n >= 0 || errno != ENOSYS) return static_cast<int>(n);
    lacks_pwait2.store(true, std::memory_order_relaxed);
  }
#endif
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ::epoll_wait(epoll, events, most, static_cast<int>(std::min<long>(ms, 3'600'000)));
}

}  // namespace

Epoll::Epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!fd_.valid()) throw_error(errno, "epoll_create1");
}

int Epoll::add(int fd, std::uint32_t events, std::uint64_t data) noexcept {
  return control(fd_.get(), EPOLL_CTL_ADD, fd, events, data);
}
int Epoll::modify(int fd, std::uint32_t events, std::uint64_t data) noexcept {
  return control(fd_.get(), EPOLL_CTL_MOD, fd, events, data);
}
int Epoll::remove(int fd) noexcept { return control(fd_.get(), EPOLL_CTL_DEL, fd, 0, 0); }

std::size_t Epoll::wait(std::span<EpollEvent> events, TimePoint deadline) noexcept {
  constexpr std::size_t kMost = 256;
  epoll_event raw[kMost];
  const int n = wait_until(fd_.get(), raw, static_cast<int>(std::min(events.size(), kMost)), deadline);
  if (n <= 0) return 0;
  for (int i = 0; i < n; ++i) events[static_cast<std::size_t>(i)] = {raw[i].events, raw[i].data.u64};
  return static_cast<std::size_t>(n);
}

EventFd::EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_.valid()) throw_error(errno, "eventfd");
}

void EventFd::signal() noexcept {
  const std::uint64_t one = 1;
  // EAGAIN means that the counter is full: then it is readable anyway.
  while (::write(fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void EventFd::drain() noexcept {
  std::uint64_t count;
  while (::read(fd_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace plait::os
