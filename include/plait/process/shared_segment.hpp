// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "plait/base/atomic.hpp"
#include "plait/os/fd.hpp"
#include "plait/os/memory_file.hpp"

namespace plait::detail {

/// What a shared memory file holds, so that a handle is never laid over something else.
enum class SharedKind : std::uint32_t {
  lock = 1,
  value,
  array,
  memory,
  semaphore,
  event,
  condition,
  barrier,
  queue,
  rlock
};

/// The addresses that a Queue has for its messages.
inline constexpr std::size_t kQueueReserve = std::size_t{1} << 34;

/// One shared object as this process has it: the mapping of its memory file, common to all handles. The file begins
/// with a header that says what it is and whose; the object's body follows. The pages go with the last user's mapping.
class SharedSegment {
 public:
  /// A new object with a body of `size` bytes, all zero; `form` is what must be equal at both ends (the size of an
  /// element). `reserve`: how far the file may grow, 0 for not at all. Throws std::system_error.
  static std::shared_ptr<SharedSegment> create(SharedKind kind, std::uint64_t form, std::size_t size,
                                               std::size_t reserve = 0);
  /// The object that another process sent, mapped already or not. Throws DecodeError if it is of another kind, form or
  /// family, and std::system_error.
  static std::shared_ptr<SharedSegment> open(os::Fd file, SharedKind kind, std::uint64_t form);

  explicit SharedSegment(os::MemoryFile file) noexcept : file_(std::move(file)) {}
  SharedSegment(const SharedSegment&) = delete;
  SharedSegment& operator=(const SharedSegment&) = delete;
  /// Stops the program if strands of this process wait for the object.
  ~SharedSegment();

  static constexpr std::size_t kHeader = 64;
  std::byte* body() const noexcept { return file_.data() + kHeader; }
  /// Bytes of the body when it was made.
  std::size_t size() const noexcept;
  template <class T>
  T& at(std::size_t offset = 0) const noexcept {
    return *std::launder(reinterpret_cast<T*>(body() + offset));
  }
  os::MemoryFile& file() noexcept { return file_; }
  SharedKind kind() const noexcept;

  /// How many strands of this process wait for the object.
  Atomic<int> waits{0};
  /// How long threads spin before they sleep, in pauses of the processor; see SharedLeaf.
  Atomic<int> patience{256};

 private:
  struct Header;
  const Header& header() const noexcept;
  os::MemoryFile file_;
};

}  // namespace plait::detail
