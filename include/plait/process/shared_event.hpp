// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/process/shared_handle.hpp"
#include "plait/process/shared_leaf.hpp"

namespace plait {
namespace detail {

/// In shared memory. The lowest bit: it is set; the rest counts how often it was.
struct SharedEventState {
  Atomic<std::uint32_t> word{0};
  SharedGate gate;
};

}  // namespace detail

namespace shared {

/// A flag that strands of several processes wait for (multiprocessing.Event). A handle: copies are the same Event, also
/// in another process. In a task `co_await event.wait()`, in a thread `sync_wait(event.wait())`. Orders: `set` happens
/// before every wait that it ends. Lifetime: the handle outlives its operations.
class Event {
 public:
  /// A new Event, not set. Throws std::system_error.
  Event();

  /// Lets everybody go on who waits now, and whoever comes before the next `clear`. Each who waited goes on even if
  /// `clear` follows at once. Never waits; from any strand.
  void set() const noexcept;
  /// From now on `wait` waits. From any strand.
  void clear() const noexcept { state().word.fetch_and(~std::uint32_t{1}, std::memory_order_relaxed); }
  /// Whether it is set. From any strand.
  bool is_set() const noexcept { return state().word.load(std::memory_order_acquire) & 1; }
  /// Waits until it is set; in a task `co_await`, in a thread `sync_wait`. On cancel: nothing has happened.
  [[nodiscard]] auto wait() const { return Wait(handle_); }

 private:
  friend Codec<Event>;
  class Wait : public detail::SharedLeaf<Wait> {
   public:
    explicit Wait(const detail::SharedHandle& handle)
        : SharedLeaf(detail::WaitKind::primitive, handle.segment(), nullptr),
          state_(&handle.at<detail::SharedEventState>()) {}
    bool attempt(detail::SharedWait* wait) noexcept {
      if (wait) wait->arm(state_->gate);
      const std::uint32_t word = state_->word.load(std::memory_order_seq_cst);
      if (!began_) {
        began_ = true;
        sets_ = word >> 1;
      }
      return (word & 1) || word >> 1 != sets_;
    }
    bool promising() const noexcept { return true; }
    void take() const noexcept {}

   private:
    detail::SharedEventState* state_;
    bool began_ = false;
    std::uint32_t sets_ = 0;
  };

  explicit Event(const detail::SharedHandle& handle) noexcept : handle_(handle) {}
  detail::SharedEventState& state() const noexcept { return handle_.at<detail::SharedEventState>(); }

  detail::SharedHandle handle_;
};

}  // namespace shared

/// An Event crosses as its memory file: both processes have the same Event.
template <>
struct Codec<shared::Event> {
  static void write(Encoder& encoder, const shared::Event& event) { event.handle_.write(encoder); }
  static shared::Event read(Decoder& decoder);
};

}  // namespace plait
