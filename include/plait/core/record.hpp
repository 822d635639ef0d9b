// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

#include "plait/base/atomic.hpp"
#include "plait/core/strand_state.hpp"

namespace plait::detail {

using plait::StrandState;
using plait::WaitKind;

/// The record by which a strand is seen from outside: always on, one a strand, one cache line, written with plain
/// stores by the strand's own thread, read by anybody, other processes included. `sequence` is odd while a record is
/// being filled in: a reader compares it before and after. The fields that a running strand changes (state, wait,
/// awaits_at, object) may be read torn from each other.
struct alignas(64) StrandRecord {
  Atomic<std::uint32_t> sequence{0};
  Atomic<StrandState> state{StrandState::free};
  Atomic<WaitKind> wait{WaitKind::none};
  Atomic<StrandKind> kind{StrandKind::task};
  /// Bytes of the name, which lies apart: strands without one touch one line only.
  Atomic<std::uint8_t> name_length{0};
  Atomic<std::uint64_t> id{0};
  Atomic<std::uint64_t> parent{0};
  /// A std::source_location's one pointer: where the strand was spawned, and its current `co_await`.
  Atomic<const void*> spawned_at{nullptr};
  Atomic<const void*> awaits_at{nullptr};
  /// The primitive that it waits for, where there is one; the record of a strand that it joins.
  Atomic<const void*> object{nullptr};
  /// The kernel's id of a thread; 0 for tasks.
  Atomic<std::int32_t> thread_id{0};
  /// In the first record of a page: the names of that page have memory.
  Atomic<std::uint32_t> names_backed{0};
  /// The owner of a free record links it here; nobody else reads it.
  StrandRecord* next_free = nullptr;

  /// The strand is about to be suspended. Relaxed stores: readers tolerate torn combinations.
  void suspend(WaitKind kind, const void* at, const void* what = nullptr) noexcept {
    awaits_at.store(at, std::memory_order_relaxed);
    object.store(what, std::memory_order_relaxed);
    wait.store(kind, std::memory_order_relaxed);
    state.store(StrandState::waiting, std::memory_order_relaxed);
  }
  void set(StrandState s) noexcept { state.store(s, std::memory_order_relaxed); }
};
static_assert(sizeof(StrandRecord) == 64);

inline constexpr std::size_t kNameSize = 64;

/// The name of a record, zero-padded.
struct StrandName {
  Atomic<std::uint64_t> words[kNameSize / sizeof(std::uint64_t)];
};
static_assert(sizeof(StrandName) == kNameSize);

/// The first page of the memory file "plait-strands". Behind it lie `capacity` records, then as many names. A reader
/// refuses a version or a size that it does not know.
struct RegistryHeader {
  static constexpr std::uint64_t kMagic = 0x736472'7469616c70;  // "plaitrds" in memory
  static constexpr std::uint32_t kVersion = 1;
  static constexpr std::size_t kSize = 4096;

  /// Stored last.
  Atomic<std::uint64_t> magic{0};
  std::uint32_t version = kVersion;
  std::uint32_t header_size = kSize;
  std::uint32_t record_size = sizeof(StrandRecord);
  std::uint32_t name_size = sizeof(StrandName);
  /// Whose strands these are, in that process' own pid namespace.
  std::int32_t process = 0;
  std::int32_t padding = 0;
  std::uint64_t capacity = 0;
  /// Where the header lies in that process, for the pointers in `StrandRecord::object`.
  std::uint64_t address = 0;
  /// Records that were ever in use: those a reader looks at.
  Atomic<std::uint64_t> used{0};
  /// Strands alive that share the one record for late-comers.
  Atomic<std::uint64_t> unrecorded{0};

  StrandRecord* records() noexcept { return reinterpret_cast<StrandRecord*>(reinterpret_cast<char*>(this) + kSize); }
  StrandName* names() noexcept { return reinterpret_cast<StrandName*>(records() + capacity); }
};
static_assert(sizeof(RegistryHeader) <= RegistryHeader::kSize);

/// The pointer that a std::source_location consists of (libstdc++; 8 bytes on both compilers).
inline const void* address_of(const std::source_location& at) noexcept {
  static_assert(sizeof(std::source_location) == sizeof(void*));
  return __builtin_bit_cast(const void*, at);
}

/// Takes a free record and fills it in; a long name is cut to 64 bytes. Takes no lock, save once in 64 times. Never
/// fails: when memory is short all late-comers share one record, which nobody is shown. From any thread.
StrandRecord* open_record(bool is_thread, std::string_view name, const void* spawned_at,
                          const StrandRecord* parent) noexcept;
/// Gives a record back. From any thread.
void close_record(StrandRecord* record) noexcept;

/// Renames a strand. For the strand's own thread, or before it starts.
void name_record(StrandRecord& record, std::string_view name) noexcept;
/// The strand's name, or empty. For who holds the strand. Throws std::bad_alloc.
std::string name_of(const StrandRecord& record);

/// Stands for the record of what has none: a pool's call, a watch.
extern constinit StrandRecord unrecorded;

/// The registry of this process, or null as long as it has no record.
RegistryHeader* strand_registry() noexcept;

}  // namespace plait::detail
