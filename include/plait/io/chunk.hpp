// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace plait {
namespace detail {

/// How much a Chunk holds at most.
inline constexpr std::size_t kChunkSize = std::size_t{16} << 10;

/// Memory for one Chunk, from the calling thread's free list; null if there is none to be had.
void* lend_block() noexcept;
/// Gives it to the free list of the calling thread, which may be another one than that which took it.
void give_block_back(void* block) noexcept;

}  // namespace detail

/// Bytes that a stream lends, in a pooled buffer of 16 KiB; what `Stream::read_chunk` gives. False at the end of the
/// stream. Move-only. The buffer is given back when the Chunk is destroyed or assigned to, on any thread; views of it
/// must not live longer.
class Chunk {
 public:
  /// An empty one, as at the end of a stream.
  Chunk() noexcept = default;
  Chunk(Chunk&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Chunk& operator=(Chunk&& other) noexcept {
    Chunk taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    return *this;
  }
  ~Chunk() {
    if (data_) detail::give_block_back(data_);
  }

  /// There are bytes in it.
  explicit operator bool() const noexcept { return size_ != 0; }
  std::size_t size() const noexcept { return size_; }
  std::byte* data() noexcept { return data_; }
  const std::byte* data() const noexcept { return data_; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  operator std::string_view() const noexcept { return text(); }
  operator std::span<const std::byte>() const noexcept { return bytes(); }

  /// For the library: takes over a block with `size` bytes in it.
  Chunk(void* block, std::size_t size) noexcept : data_(static_cast<std::byte*>(block)), size_(size) {}

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace plait
