// SPDX-License-Identifier: BSL-1.0
#include "plait/process/shared_event.hpp"

namespace plait {
namespace shared {

Event::Event()
    : handle_(detail::SharedSegment::create(detail::SharedKind::event, 0, sizeof(detail::SharedEventState)), 0) {
  new (&state()) detail::SharedEventState;
}

void Event::set() const noexcept {
  std::uint32_t word = state().word.load(std::memory_order_seq_cst);
  do {
    if (word & 1) return;
    // Sequentially consistent, as notify_all() asks for.
  } while (!state().word.compare_exchange_weak(word, (word | 1) + 2, std::memory_order_seq_cst));
  state().gate.notify_all();
}

}  // namespace shared

shared::Event Codec<shared::Event>::read(Decoder& decoder) {
  return shared::Event(
      detail::SharedHandle::read(decoder, detail::SharedKind::event, sizeof(detail::SharedEventState)));
}

}  // namespace plait
