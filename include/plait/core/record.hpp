// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <source_location>
#include <string_view>

#include "plait/base/atomic.hpp"

namespace plait::detail {

/// What a strand is suspended in, as a word for people.
enum class WaitKind : std::uint8_t { none, yield, sleep, task, thread, lock, primitive, io, call };

enum class StrandState : std::uint8_t { free, ready, running, waiting, done };

/// The record by which a strand is seen from outside: always on, one a strand, written with plain stores by the
/// strand's own thread, read by anybody. All fields but `sequence` may be read torn; a reader compares `sequence`
/// before and after, which is odd while a record is being opened or closed.
struct alignas(64) StrandRecord {
  Atomic<std::uint32_t> sequence{0};
  Atomic<StrandState> state{StrandState::free};
  std::uint8_t is_thread = 0;
  Atomic<WaitKind> wait{WaitKind::none};
  std::uint8_t padding = 0;
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  /// A std::source_location's one pointer: where the strand was spawned, and its current `co_await`.
  const void* spawned_at = nullptr;
  Atomic<const void*> awaits_at{nullptr};
  /// The primitive that it waits for, where there is one.
  Atomic<const void*> object{nullptr};
  std::int32_t thread_id = 0;
  char name[28] = {};
  StrandRecord* next_free = nullptr;

  /// The strand is about to be suspended. Two or three relaxed stores: readers tolerate torn combinations.
  void suspend(WaitKind kind, const void* at, const void* what = nullptr) noexcept {
    awaits_at.store(at, std::memory_order_relaxed);
    object.store(what, std::memory_order_relaxed);
    wait.store(kind, std::memory_order_relaxed);
    state.store(StrandState::waiting, std::memory_order_relaxed);
  }
  void set(StrandState s) noexcept { state.store(s, std::memory_order_relaxed); }
};
static_assert(sizeof(StrandRecord) == 128);

/// The pointer that a std::source_location consists of (libstdc++; 8 bytes on both compilers).
inline const void* address_of(const std::source_location& at) noexcept {
  static_assert(sizeof(std::source_location) == sizeof(void*));
  return __builtin_bit_cast(const void*, at);
}

/// Takes a free record and fills it in. Never fails: when memory is short all late-comers share one. From any thread.
StrandRecord* open_record(bool is_thread, std::string_view name, const void* spawned_at,
                          const StrandRecord* parent) noexcept;
/// Gives a record back. From any thread.
void close_record(StrandRecord* record) noexcept;

}  // namespace plait::detail
