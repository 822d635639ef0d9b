// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "plait/process/shared_handle.hpp"
#include "plait/process/shared_leaf.hpp"

namespace plait {
namespace detail {

/// In shared memory.
struct SharedSemaphoreState {
  Atomic<std::int64_t> free;
  std::int64_t limit;
  SharedGate gate;

  bool take() noexcept;
  void give(std::int64_t n);
};

}  // namespace detail

namespace shared {

/// A number of permits for the strands of several processes (multiprocessing.Semaphore). A handle: copies are the same
/// Semaphore, also in another process. In a task `co_await semaphore.acquire()` or `auto guard = co_await
/// semaphore.guard();`, in a thread `sync_wait` of the same. Anybody may release. A permit has no owner, so that of a
/// process that is killed is lost; where that matters use a Lock. Fairness: who runs may be quicker than who waits,
/// until one has waited 1 ms. Orders: a release happens before the acquire that takes its permit. Lifetime: the handle
/// outlives its operations.
class Semaphore {
 public:
  /// Holds one permit until it dies. Move-only.
  class [[nodiscard]] Guard {
   public:
    /// Takes over a permit of the caller's.
    explicit Guard(const detail::SharedHandle& handle) noexcept : handle_(handle) {}
    Guard(Guard&& other) noexcept : handle_(other.handle_), held_(std::exchange(other.held_, false)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (held_) Semaphore(handle_).release();
    }

   private:
    detail::SharedHandle handle_;
    bool held_ = true;
  };

  /// `permits` are free at first; std::logic_error if negative. Throws std::system_error.
  explicit Semaphore(std::ptrdiff_t permits = 1) : Semaphore(permits, std::numeric_limits<std::ptrdiff_t>::max()) {}

  /// Takes a permit; in a task `co_await`, in a thread `sync_wait`. On cancel: no permit is taken.
  [[nodiscard]] auto acquire() const { return Acquiring<void>(handle_); }
  /// The same, giving a Guard that releases it. On cancel: as `acquire`.
  [[nodiscard]] auto guard() const { return Acquiring<Guard>(handle_); }
  /// Takes a permit if one is free. Never waits; from any strand.
  [[nodiscard]] bool try_acquire() const noexcept { return state().take(); }
  /// Gives back `n` permits. Never waits; from any strand. std::logic_error, and nothing done, if `n` is not positive,
  /// or more permits would be free than may be.
  void release(std::ptrdiff_t n = 1) const { state().give(n); }
  /// The permits that are free. The answer may be stale.
  std::ptrdiff_t value() const noexcept { return state().free.load(std::memory_order_relaxed); }

 protected:
  /// At most `limit` permits are ever free.
  Semaphore(std::ptrdiff_t permits, std::ptrdiff_t limit);
  explicit Semaphore(const detail::SharedHandle& handle) noexcept : handle_(handle) {}

 private:
  friend Codec<Semaphore>;

  template <class Given>
  class Acquiring : public detail::SharedLeaf<Acquiring<Given>> {
   public:
    explicit Acquiring(const detail::SharedHandle& handle)
        : detail::SharedLeaf<Acquiring>(detail::WaitKind::primitive, handle.segment(),
                                        &handle.at<detail::SharedSemaphoreState>().gate),
          handle_(&handle) {
      detail::Family::self();
    }
    bool attempt(detail::SharedWait* wait) noexcept {
      if (wait) wait->arm(state().gate);
      if (state().take()) return true;
      if (wait && state().gate.lets_others_pass()) wait->be_patient();
      return false;
    }
    bool promising() const noexcept { return state().free.load(std::memory_order_relaxed) > 0; }
    bool give_back() noexcept {
      state().give(1);
      return true;
    }
    Given take() const noexcept {
      if constexpr (!std::is_void_v<Given>) return Given(*handle_);
    }

   private:
    detail::SharedSemaphoreState& state() const noexcept { return handle_->at<detail::SharedSemaphoreState>(); }
    const detail::SharedHandle* handle_;
  };

  detail::SharedSemaphoreState& state() const noexcept { return handle_.at<detail::SharedSemaphoreState>(); }

  detail::SharedHandle handle_;
};

/// A Semaphore that refuses to be released more often than it was acquired (multiprocessing.BoundedSemaphore).
class BoundedSemaphore : public Semaphore {
 public:
  /// `permits` are free at first, and never more; std::logic_error if negative. Throws std::system_error.
  explicit BoundedSemaphore(std::ptrdiff_t permits = 1) : Semaphore(permits, permits) {}

 private:
  friend Codec<BoundedSemaphore>;
  explicit BoundedSemaphore(const Semaphore& semaphore) noexcept : Semaphore(semaphore) {}
};

}  // namespace shared

/// A Semaphore crosses as its memory file: both processes have the same Semaphore.
template <>
struct Codec<shared::Semaphore> {
  static void write(Encoder& encoder, const shared::Semaphore& semaphore) { semaphore.handle_.write(encoder); }
  static shared::Semaphore read(Decoder& decoder);
};
/// As a Semaphore.
template <>
struct Codec<shared::BoundedSemaphore> {
  static void write(Encoder& encoder, const shared::BoundedSemaphore& semaphore) {
    Codec<shared::Semaphore>::write(encoder, semaphore);
  }
  static shared::BoundedSemaphore read(Decoder& decoder) {
    return shared::BoundedSemaphore(Codec<shared::Semaphore>::read(decoder));
  }
};

}  // namespace plait
