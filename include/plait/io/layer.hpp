// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>

#include "plait/io/stream.hpp"

namespace plait::detail {

/// A stream over a stream: TLS, or one that tests inject faults into. It overrides the `try_` functions of StreamState
/// and moves its own bytes by those of `below`, with the same descriptor, which it takes over.
class LayerState : public StreamState {
 public:
  /// Throws std::logic_error if somebody waits for `stream`, or if bytes wait in its buffer.
  explicit LayerState(Stream stream) : LayerState(stream.give_to_layer()) {}
  std::string describe() const override { return below_->describe(); }

  // Those that most layers leave to what is below.
  std::int64_t try_flush(int fd) noexcept override { return below_->try_flush(fd); }
  std::int64_t try_peek(int fd) noexcept override { return below_->try_peek(fd); }
  std::int64_t try_shutdown(int fd) noexcept override { return below_->try_shutdown(fd); }
  void part(int fd) noexcept override { below_->part(fd); }
  void explain(std::int64_t result, std::string_view verb) const override { below_->explain(result, verb); }

 protected:
  StreamState& below() noexcept { return *below_; }

 private:
  explicit LayerState(std::shared_ptr<StreamState> stream)
      : StreamState(std::move(stream->fd), Kind::layer), below_(std::move(stream)) {
    registration.store(below_->registration.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
  }

  const std::shared_ptr<StreamState> below_;
};

}  // namespace plait::detail
