// SPDX-License-Identifier: BSL-1.0
//
// Idea. A handler may do next to nothing, so it counts the signal in every sink that wants it and rings the sink's
// eventfd, on which a task waits as on any descriptor. signalfd would miss signals that arrive at threads which don't
// block them. Sinks and their descriptors are never freed, so that a handler which is late on another thread does no
// harm: at worst the next owner of the sink sees one signal too many of a kind that it asked for.
#include "plait/io/signals.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "plait/core/current_strand.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/io/readiness.hpp"
#include "plait/os/epoll.hpp"
#include "plait/os/fd.hpp"
#include "plait/os/signal.hpp"

namespace plait {
namespace detail {

struct SignalSink {
  /// Bit n - 1: signal n is wanted.
  Atomic<std::uint64_t> wanted{0};
  std::array<Atomic<std::uint32_t>, os::kSignals> pending{};
  os::EventFd bell;
  /// Guarded by the mutex, as is `used`.
  std::vector<os::SignalHandler> handlers;
  bool used = false;

  bool wants(int signal) const noexcept {
    // Acquire pairs with the release in open(): the counters are those of this owner.
    return wanted.load(std::memory_order_acquire) >> (signal - 1) & 1;
  }
  /// Called by the handler.
  void receive(int signal) noexcept {
    pending[static_cast<unsigned>(signal)].fetch_add(1, std::memory_order_release);
    bell.signal();
  }
  std::optional<int> take() noexcept {
    for (int signal = 1; signal < os::kSignals; ++signal) {
      auto& count = pending[static_cast<unsigned>(signal)];
      if (!wants(signal) || count.load(std::memory_order_acquire) == 0) continue;
      count.fetch_sub(1, std::memory_order_relaxed);
      return signal;
    }
    return std::nullopt;
  }
  void open(std::uint64_t signals) noexcept {
    for (auto& count : pending) count.store(0, std::memory_order_relaxed);
    bell.drain();
    wanted.store(signals, std::memory_order_release);
  }
  void close() noexcept {
    handlers.clear();
    open(0);
    used = false;
  }
};

}  // namespace detail

namespace {

using detail::SignalSink;

constexpr std::size_t kMostSinks = 64;
/// Filled from the front, and never emptied.
constinit std::array<Atomic<SignalSink*>, kMostSinks> sinks{};

void on_signal(int signal) {
  for (auto& slot : sinks) {
    SignalSink* sink = slot.load(std::memory_order_acquire);
    if (!sink) return;
    if (sink->wants(signal)) sink->receive(signal);
  }
}

constinit std::mutex mutex;

SignalSink& free_sink() {
  for (auto& slot : sinks) {
    SignalSink* sink = slot.load(std::memory_order_relaxed);
    if (!sink) {
      sink = new SignalSink;
      slot.store(sink, std::memory_order_release);
    }
    if (!sink->used) return *sink;
  }
  throw std::system_error(EAGAIN, std::generic_category(), "Signals: 64 of them live already");
}

}  // namespace

Signals::Signals(std::initializer_list<int> signals) : Signals(std::span<const int>(signals.begin(), signals.size())) {}

Signals::Signals(std::span<const int> signals) {
  std::scoped_lock guard(mutex);
  SignalSink& sink = free_sink();
  std::uint64_t wanted = 0;
  for (const int signal : signals) {
    if (signal <= 0 || signal >= os::kSignals) os::throw_error(EINVAL, "Signals: signal " + std::to_string(signal));
    wanted |= std::uint64_t{1} << (signal - 1);
  }
  // Before the handlers: what they receive from the first moment counts.
  sink.open(wanted);
  sink.used = true;
  try {
    for (int signal = 1; signal < os::kSignals; ++signal) {
      if (sink.wants(signal)) sink.handlers.emplace_back(signal, &on_signal);
    }
  } catch (...) {
    sink.close();
    throw;
  }
  sink_ = &sink;
}

Signals::~Signals() {
  std::scoped_lock guard(mutex);
  sink_->close();
}

Task<int> Signals::next() {
  const detail::Strand& self = co_await detail::CurrentStrand{};
  if (self.cancelled()) throw Cancelled{};
  for (;;) {
    if (const std::optional<int> signal = sink_->take()) co_return *signal;
    co_await readable(sink_->bell.get());
    sink_->bell.drain();
  }
}

}  // namespace plait
