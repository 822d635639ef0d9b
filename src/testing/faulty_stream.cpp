// SPDX-License-Identifier: BSL-1.0
//
// Idea. A layer whose calls go on to the stream below with fewer bytes, or not at all. What is allowed is reserved
// before a call and what it did not use is given back after it, because a reader and a writer share the limits from two
// threads.
#include "plait/testing/faulty_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/contract.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/io/layer.hpp"

namespace plait::testing {
namespace {

class FaultyState final : public plait::detail::LayerState {
 public:
  FaultyState(Stream stream, const Faults& faults)
      : LayerState(std::move(stream)), faults_(faults), to_end_(faults.end_after), to_reset_(faults.reset_after) {}

  std::int64_t try_read(int fd, void* into, std::size_t size) noexcept override {
    if (stops()) return -EINTR;
    const std::size_t granted = reserve(true, size);
    if (granted == 0) return is_reset() ? -ECONNRESET : 0;
    const std::int64_t n = below().try_read(fd, into, granted);
    give_back(true, granted, n);
    return n;
  }
  std::int64_t try_write(int fd, const void* from, std::size_t size) noexcept override {
    if (stops()) return -EINTR;
    const std::size_t granted = reserve(false, size);
    if (granted == 0) return -ECONNRESET;
    const std::int64_t n = below().try_write(fd, from, granted);
    give_back(false, granted, n);
    return n;
  }
  std::int64_t try_flush(int fd) noexcept override { return stops() ? -EINTR : LayerState::try_flush(fd); }
  std::int64_t try_peek(int fd) noexcept override {
    if (stops()) return -EINTR;
    return may_read() ? LayerState::try_peek(fd) : 0;
  }

 private:
  /// splitmix64.
  std::uint64_t draw() noexcept {
    constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;
    std::uint64_t x = faults_.seed + kStep * drawn_.fetch_add(1, std::memory_order_relaxed);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
  }
  bool stops() noexcept { return faults_.stops != 0 && draw() % 100 < faults_.stops; }

  std::size_t reserve(bool reading, std::size_t size) noexcept {
    const std::size_t drawn = std::min<std::size_t>(size, 1 + draw() % faults_.at_most);
    const std::scoped_lock guard(lock_);
    const std::size_t granted = std::min({drawn, to_reset_, reading ? to_end_ : SIZE_MAX});
    spend(reading, granted);
    return granted;
  }
  void give_back(bool reading, std::size_t granted, std::int64_t moved) noexcept {
    const std::scoped_lock guard(lock_);
    spend(reading, static_cast<std::size_t>(std::max<std::int64_t>(moved, 0)) - granted);
  }
  void spend(bool reading, std::size_t n) noexcept {
    if (faults_.reset_after != SIZE_MAX) to_reset_ -= n;
    if (faults_.end_after != SIZE_MAX && reading) to_end_ -= n;
  }
  bool is_reset() noexcept {
    const std::scoped_lock guard(lock_);
    return to_reset_ == 0;
  }
  bool may_read() noexcept {
    const std::scoped_lock guard(lock_);
    return to_reset_ != 0 && to_end_ != 0;
  }

  const Faults faults_;
  Atomic<std::uint64_t> drawn_{0};
  plait::detail::SpinLock lock_;
  std::size_t to_end_;
  std::size_t to_reset_;
};

}  // namespace

Stream faulty(Stream stream, const Faults& faults) {
  if (faults.at_most == 0 || faults.stops >= 100) {
    plait::detail::misuse("testing::faulty(): at_most has to be 1 or more, and stops less than 100.");
  }
  return Stream(std::make_shared<FaultyState>(std::move(stream), faults));
}

}  // namespace plait::testing
