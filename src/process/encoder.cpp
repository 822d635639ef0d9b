// SPDX-License-Identifier: BSL-1.0
#include "plait/process/encoder.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

// A message is built once, sent, and forgotten, or its memory used for the next: so it grows by doubling, its bytes are
// never initialised before they are written, and realloc may move a large one by its pages.

namespace plait {

Encoder::~Encoder() {
  if (own_) std::free(begin_);
}

void Encoder::grow(std::size_t size) {
  const std::size_t used = this->size(), room = static_cast<std::size_t>(end_ - begin_);
  if (size > PTRDIFF_MAX - used) throw std::length_error("plait: a message is too long");
  const std::size_t wanted = std::max({used + size, 2 * room, std::size_t{256}});
  auto* larger = static_cast<std::byte*>(std::realloc(own_ ? begin_ : nullptr, wanted));
  if (larger == nullptr) throw std::bad_alloc();
  if (!own_ && used != 0) std::memcpy(larger, begin_, used);
  own_ = true;
  begin_ = larger;
  at_ = begin_ + used;
  end_ = begin_ + wanted;
}

void Encoder::refuse_depth() {
  --level_;
  throw std::length_error("plait: a value nests more than " + std::to_string(kMostLevels) +
                          " levels deep, too deep to be sent to another process");
}

os::Fd Decoder::descriptor() {
  if (descriptors_.empty()) refuse("a descriptor that belongs to it is missing");
  os::Fd fd = std::move(descriptors_.front());
  descriptors_ = descriptors_.subspan(1);
  return fd;
}

void Decoder::refuse_depth() {
  --level_;
  refuse("values in it nest too deep");
}

void Decoder::refuse(const char* why) {
  throw DecodeError(std::string("plait: a message from another process can't be read: ") + why);
}

}  // namespace plait
