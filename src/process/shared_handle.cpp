// SPDX-License-Identifier: BSL-1.0
#include "plait/process/shared_handle.hpp"

namespace plait::detail {
namespace {

/// What is sent beside the descriptor.
struct Wire {
  SharedKind kind;
  std::uint32_t unused;
  std::uint64_t form;
  std::uint64_t offset;
};

/// What a Lock may be a part of.
bool has_lock(SharedKind kind) noexcept {
  return kind == SharedKind::value || kind == SharedKind::array || kind == SharedKind::condition;
}

}  // namespace

void SharedHandle::write(Encoder& encoder) const {
  encoder.raw(Wire{segment_->kind(), 0, form_, offset_});
  encoder.descriptor(segment_->file().duplicate());
}

SharedHandle SharedHandle::read(Decoder& decoder, SharedKind kind, std::size_t size) {
  const Wire wire = decoder.raw<Wire>();
  const bool is_part = kind == SharedKind::lock && has_lock(wire.kind);
  auto segment = SharedSegment::open(decoder.descriptor(), is_part ? wire.kind : kind, wire.form);
  if (wire.offset > segment->size() || size > segment->size() - wire.offset) {
    throw DecodeError("a shared object was to be received that lies outside its memory file");
  }
  return {std::move(segment), wire.form, wire.offset};
}

}  // namespace plait::detail
