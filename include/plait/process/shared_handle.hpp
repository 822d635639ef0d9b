// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "plait/process/encoder.hpp"
#include "plait/process/shared_segment.hpp"

namespace plait::detail {

/// A handle of a shared object: cheap to copy, never empty (what would move it copies it), and what a Codec sends. The
/// object begins at `offset` of the segment's body, as some are parts of others.
class SharedHandle {
 public:
  SharedHandle(std::shared_ptr<SharedSegment> segment, std::uint64_t form, std::uint64_t offset = 0) noexcept
      : segment_(std::move(segment)), form_(form), offset_(offset) {}
  SharedHandle(const SharedHandle&) = default;
  SharedHandle& operator=(const SharedHandle&) = default;

  SharedSegment& segment() const noexcept { return *segment_; }
  /// Another object in the same segment.
  SharedHandle part(std::uint64_t offset) const noexcept { return {segment_, form_, offset_ + offset}; }
  template <class T>
  T& at(std::size_t offset = 0) const noexcept {
    return segment_->at<T>(offset_ + offset);
  }
  /// Whether two handles are of one object.
  friend bool operator==(const SharedHandle& a, const SharedHandle& b) noexcept {
    return a.segment_ == b.segment_ && a.offset_ == b.offset_;
  }

  /// As a Codec writes and reads it. `read` throws what SharedSegment::open throws; the object, of `size` bytes at
  /// least, is of `kind`, or a Lock within another.
  void write(Encoder& encoder) const;
  static SharedHandle read(Decoder& decoder, SharedKind kind, std::size_t size);

 private:
  std::shared_ptr<SharedSegment> segment_;
  std::uint64_t form_;
  std::uint64_t offset_;
};

}  // namespace plait::detail
