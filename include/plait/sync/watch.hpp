// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "plait/sync/queue_waits.hpp"
#include "plait/sync/sequence.hpp"

namespace plait {

/// A value that changes, and whose changes can be waited for, by tasks of any loop and plain threads at the same time
/// (tokio's watch channel): a configuration, a state. Whoever is slow sees the latest value and no other.
///
/// Orders: a set happens before the get that sees it. Lifetime: it outlives its observers' operations; with waiters
/// when it dies the program stops with a sentence.
template <class T>
class Watch {
 public:
  /// One who follows the value; for one strand at a time.
  class Observer {
   public:
    /// Waits until the value was set since this observer last looked, or was made: by `get`, or by `changed`, which
    /// counts as a look. True; or false once the Watch is shut down and no change is left to see. On cancel: the
    /// waiting ends, and the change is still to be seen.
    [[nodiscard]] auto changed() noexcept { return Changed(*this); }
    /// The latest value, which now is seen.
    std::shared_ptr<const T> get() noexcept {
      return watch_->sequence_.read([this](std::uint64_t number, bool) {
        seen_ = number;
        return watch_->value_;
      });
    }

   private:
    friend class Watch;
    explicit Observer(Watch& watch) noexcept
        : watch_(&watch), seen_(watch.sequence_.read([](std::uint64_t number, bool) { return number; })) {}

    /// The wait for a change.
    class Changed : public detail::Sequence::Beyond {
     public:
      explicit Changed(Observer& observer) noexcept
          : Beyond(observer.watch_->sequence_, observer.seen_), observer_(&observer) {}
      bool await_resume() {
        Beyond::await_resume();
        return take();
      }
      bool take() noexcept {
        return observer_->watch_->sequence_.read(
            [this](std::uint64_t number, bool) { return std::exchange(observer_->seen_, number) != number; });
      }

     private:
      Observer* observer_;
    };

    Watch* watch_;
    std::uint64_t seen_;
  };

  explicit Watch(T value) : sequence_("Watch"), value_(std::make_shared<const T>(std::move(value))) {}

  /// One who sees changes from now on. From any strand.
  [[nodiscard]] Observer observe() noexcept { return Observer(*this); }
  /// Sets the value and wakes who waits for a change; never waits; from any strand. Throws QueueShutDown after
  /// `shutdown`.
  void set(T value) {
    auto fresh = std::make_shared<const T>(std::move(value));  // the old one dies without the lock
    if (!sequence_.advance([&](std::uint64_t) { value_.swap(fresh); })) throw QueueShutDown();
  }
  /// The latest value; it stays as it is while you hold it. Never null, never waits; from any strand.
  std::shared_ptr<const T> get() const noexcept {
    return sequence_.read([this](std::uint64_t, bool) { return value_; });
  }
  /// It will not change any more. Never waits; from any strand.
  void shutdown() noexcept { sequence_.end(); }
  /// How many strands wait for a change.
  std::size_t waiting() const noexcept { return sequence_.waiting(); }

 private:
  detail::Sequence sequence_;
  std::shared_ptr<const T> value_;
};

}  // namespace plait
