// SPDX-License-Identifier: BSL-1.0
#include "plait/testing/virtual_time.hpp"

#include <new>

#include "plait/base/contract.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/hooks.hpp"
#include "virtual_clock.hpp"

namespace plait::testing {

VirtualTime::VirtualTime() {
  detail::Clock::instance().install();
  start_ = now();
}

VirtualTime::~VirtualTime() { detail::Clock::instance().uninstall(); }

Duration VirtualTime::elapsed() const noexcept { return now() - start_; }

namespace detail {
namespace {

/// splitmix64 (Steele, Lea, Flood 2014), advanced atomically because several loops may draw.
class SeededHook final : public plait::detail::Hook {
 public:
  void start(std::uint64_t seed) noexcept { state_.store(seed, std::memory_order_relaxed); }
  void reach(plait::detail::Point, const void*) override {}
  unsigned choose(unsigned count) override {
    std::uint64_t z = state_.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed) + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<unsigned>((z ^ (z >> 31)) % count);
  }

 private:
  Atomic<std::uint64_t> state_{0};
};

SeededHook& seeded_hook() {
  static auto* hook = new SeededHook;  // never destroyed: a loop may still hold it when it is taken down
  return *hook;
}

}  // namespace

SeededOrder::SeededOrder(std::uint64_t seed) : installed_(seed != 0) {
  if (!installed_) return;
  seeded_hook().start(seed);
  plait::detail::Hook* none = nullptr;
  if (!plait::detail::installed_hook.compare_exchange_strong(none, &seeded_hook(), std::memory_order_acq_rel)) {
    plait::detail::misuse("testing::run: another test drives the schedule already.");
  }
}

SeededOrder::~SeededOrder() {
  if (installed_) plait::detail::installed_hook.store(nullptr, std::memory_order_release);
}

}  // namespace detail
}  // namespace plait::testing
