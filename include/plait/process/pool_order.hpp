// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "plait/base/intrusive_list.hpp"
#include "plait/core/frame_allocator.hpp"
#include "plait/core/future.hpp"
#include "plait/os/memory_file.hpp"
#include "plait/process/portable_call.hpp"

namespace plait::detail {

class ProcessPoolCore;
class ProcessState;

/// A call that a pool of processes makes, as the pool sees it.
class PoolOrder : public Link {
 public:
  /// The message, and the descriptors that go with it.
  Encoder message{room_};

  // For the pool, under its lock.

  enum class Phase : std::uint8_t { pending, in_slot, ended };
  Phase phase = Phase::pending;
  /// It is to end with Cancelled, unless it has a result before.
  bool cancelled = false;
  std::uint32_t slot = 0;
  /// Where a message that is too long for a slot lies in the arena; 0 for others.
  std::uint64_t block = 0;
  std::uint64_t size = 0;
  /// Where the result lies, if it was too long: it outlives its worker.
  std::shared_ptr<const os::MemoryFile> outbox;
  /// Who sent descriptors with the result.
  std::shared_ptr<ProcessState> sender;

  /// What it gave, as `run_call` wrote it.
  virtual void take(Decoder& result) noexcept = 0;
  virtual void fail(std::exception_ptr error) noexcept = 0;
  /// After either of them: it is over, and soon gone.
  virtual void complete() noexcept = 0;

 protected:
  explicit PoolOrder(std::shared_ptr<ProcessPoolCore> pool) noexcept : pool_(std::move(pool)) {}
  ~PoolOrder() = default;

  bool begun() noexcept;
  void cancel() noexcept;
  /// On a thread that waits for it for ever: looks for results for a while, as whoever waits for them all does.
  void listen(const FutureStateBase& until) noexcept;

 private:
  std::array<std::byte, 192> room_;
  std::shared_ptr<ProcessPoolCore> pool_;
};

/// A call that gives R.
template <class R>
class ProcessCall final : public FutureState<R>, public PoolOrder, public FrameAllocated {
 public:
  explicit ProcessCall(std::shared_ptr<ProcessPoolCore> pool) noexcept : PoolOrder(std::move(pool)) {
    this->strand_record = &unrecorded;
  }

  bool begun() noexcept override { return PoolOrder::begun(); }
  void request_cancel() noexcept override {
    if (!this->done()) PoolOrder::cancel();
  }

 private:
  void help_here() override { PoolOrder::listen(*this); }

  void take(Decoder& result) noexcept override {
    try {
      if constexpr (std::is_void_v<R>) {
        decode_result<R>(result);
        this->result.set_value();
      } else {
        this->result.set_value(decode_result<R>(result));
      }
    } catch (...) {
      this->result.set_error(std::current_exception());
    }
  }
  void fail(std::exception_ptr error) noexcept override { this->result.set_error(std::move(error)); }
  void complete() noexcept override { FutureState<R>::complete(); }
};

}  // namespace plait::detail
