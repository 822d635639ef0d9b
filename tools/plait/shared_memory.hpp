// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string_view>

namespace plait::tool {

/// A piece of memory without a name that a child started by `ChildProcess` can map by its descriptor. It needs no
/// clean-up: the memory goes with its last user.
class SharedMemory {
 public:
  /// Makes `size` zero bytes (at least one).
  explicit SharedMemory(std::size_t size);
  /// Makes a copy of `bytes`.
  explicit SharedMemory(std::string_view bytes);
  /// Maps what an inherited descriptor stands for.
  static SharedMemory inherited(int fd);

  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] void* data() const { return data_; }

 private:
  SharedMemory(int fd, std::size_t size);

  int fd_;
  std::size_t size_;
  void* data_;
};

}  // namespace plait::tool
