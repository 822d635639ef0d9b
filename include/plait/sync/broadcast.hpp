// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "plait/base/contract.hpp"
#include "plait/sync/queue_waits.hpp"
#include "plait/sync/sequence.hpp"

namespace plait {

/// Raised by a receiver of a Broadcast that did not keep up: the oldest values were overwritten before it got them. It
/// goes on with the oldest value that is left.
class BroadcastLagged : public std::runtime_error {
 public:
  explicit BroadcastLagged(std::uint64_t missed)
      : std::runtime_error("a receiver of a Broadcast lagged behind and missed " + std::to_string(missed) +
                           " value(s)"),
        missed_(missed) {}
  /// How many values it missed.
  std::uint64_t missed() const noexcept { return missed_; }

 private:
  std::uint64_t missed_;
};

/// Every receiver gets every value that is sent after it subscribed, for tasks of any loop and plain threads at the
/// same time (tokio's broadcast channel). Sending never waits: the last `capacity` values are kept, and a receiver that
/// is further behind is told by BroadcastLagged how many it missed. T is copied for each receiver.
///
/// Orders: a send happens before its value is received. Lifetime: it outlives its receivers' operations; with waiters
/// when it dies the program stops with a sentence.
template <class T>
class Broadcast {
  template <class Result>
  class Receive;

 public:
  /// One who receives; for one strand at a time. A copy starts where the original stands.
  class Receiver {
   public:
    /// Gives the next value; waits while there is none. Throws BroadcastLagged, or, once the channel is shut down and
    /// all was received, QueueShutDown. On cancel: nothing was received, the next call gives it.
    [[nodiscard]] auto get() noexcept { return Receive<T>(*this); }
    /// As `get`, but empty once the channel is shut down and all was received: `while (auto x = co_await r.next())`.
    /// On cancel: as `get`.
    [[nodiscard]] auto next() noexcept { return Receive<std::optional<T>>(*this); }
    /// Gives the next value, or nothing if there is none. Never waits. Throws as `get`.
    [[nodiscard]] std::optional<T> try_get() {
      // Asked first: what is sent before the end is then seen.
      const bool ended = channel_->sequence_.read([](std::uint64_t, bool ended) { return ended; });
      std::optional<T> value = take();
      if (!value && ended) throw QueueShutDown();
      return value;
    }

   private:
    friend class Broadcast;
    Receiver(Broadcast& channel, std::uint64_t position) noexcept : channel_(&channel), position_(position) {}

    std::optional<T> take() {
      std::shared_ptr<const T> value;
      const std::uint64_t missed = channel_->look(position_, value);
      if (missed) {
        position_ += missed;
        throw BroadcastLagged(missed);
      }
      if (!value) return std::nullopt;
      std::optional<T> copy(*value);  // may throw: then it is received the next time
      ++position_;
      return copy;
    }

    Broadcast* channel_;
    std::uint64_t position_;
  };

  /// Keeps the last `capacity` values. std::logic_error if that is 0.
  explicit Broadcast(std::size_t capacity) : sequence_("Broadcast"), slots_(capacity) {
    if (capacity == 0) detail::misuse("Broadcast(0): it keeps at least one value; give it a capacity.");
  }

  /// A receiver of all that is sent from now on. From any strand.
  [[nodiscard]] Receiver subscribe() noexcept {
    return Receiver(*this, sequence_.read([](std::uint64_t number, bool) { return number; }));
  }
  /// Sends a value to all receivers; never waits; from any strand. Throws QueueShutDown after `shutdown`.
  void send(T value) {
    auto kept = std::make_shared<const T>(std::move(value));  // the one that it replaces dies without the lock
    const bool sent = sequence_.advance([&](std::uint64_t number) { slots_[number % slots_.size()].swap(kept); });
    if (!sent) throw QueueShutDown();
  }
  /// Nothing more will be sent: receivers get what is left, and then the end. Never waits; from any strand.
  void shutdown() noexcept { sequence_.end(); }
  /// How many strands wait for a value.
  std::size_t waiting() const noexcept { return sequence_.waiting(); }

 private:
  /// Gives a T or throws, or gives an optional.
  template <class Result>
  class Receive : public detail::Sequence::Beyond {
   public:
    explicit Receive(Receiver& receiver) noexcept
        : Beyond(receiver.channel_->sequence_, receiver.position_), receiver_(&receiver) {}
    Result await_resume() {
      Beyond::await_resume();
      return take();
    }
    Result take() {
      std::optional<T> value = receiver_->take();
      if constexpr (std::is_same_v<Result, T>) {
        if (!value) throw QueueShutDown();
        return std::move(*value);
      } else {
        return value;
      }
    }

   private:
    Receiver* receiver_;
  };

  /// The value at `position`, or null if it was not sent; or how many values from there on are gone.
  std::uint64_t look(std::uint64_t position, std::shared_ptr<const T>& value) const noexcept {
    return sequence_.read([&](std::uint64_t number, bool) -> std::uint64_t {
      if (number - position > slots_.size()) return number - position - slots_.size();
      if (position != number) value = slots_[position % slots_.size()];
      return 0;
    });
  }

  detail::Sequence sequence_;
  std::vector<std::shared_ptr<const T>> slots_;
};

}  // namespace plait
