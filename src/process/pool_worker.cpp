// SPDX-License-Identifier: BSL-1.0
#include "pool_worker.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "arena.hpp"
#include "call_board.hpp"
#include "plait/os/file.hpp"
#include "plait/os/process.hpp"
#include "plait/process/portable_call.hpp"
#include "process_body.hpp"
#include "protocol.hpp"

namespace plait::detail {
namespace {

class PoolProcess {
 public:
  PoolProcess(os::Fd board, os::Fd arena, os::Fd outbox, os::Fd bell, std::uint32_t number)
      : board_(CallBoard::open(std::move(board))),
        arena_(os::MemoryFile::open(std::move(arena), Arena::kReserve)),
        outbox_(Arena::open(std::move(outbox))),
        bell_(std::move(bell)),
        number_(number) {}

  void work(std::uint64_t most) {
    CallBoard::Worker& self = board_.worker(number_);
    self.ready.store(1, std::memory_order_release);
    for (std::uint64_t made = 0; made != most;) {
      if (self.dismissed.load(std::memory_order_acquire) != 0) return;
      if (const std::optional<std::uint32_t> index = board_.claim(number_)) {
        make_call(*index);
        ++made;
        if (made == most) self.dismissed.store(1, std::memory_order_release);
        if (board_.finish(number_, *index)) ring();
      } else {
        board_.wait_for_work(number_);
      }
    }
  }

 private:
  void make_call(std::uint32_t index) {
    CallSlot& slot = board_.slot(index);
    // The slot gets the result while the call may still be asked for its name.
    std::array<std::byte, CallSlot::kRoom> copy;
    std::span<const std::byte> message;
    if (slot.place == CallSlot::Place::here) {
      const std::size_t size = std::min<std::size_t>(slot.size, copy.size());
      std::memcpy(copy.data(), slot.room, size);
      message = {copy.data(), size};
    } else {
      message = {arena_.data() + slot.offset, slot.size};
    }
    std::vector<os::Fd> descriptors;
    if (slot.has_descriptors) descriptors = ask_for_descriptors(index);
    Encoder result{std::span(slot.room)};
    Decoder call(message, descriptors);
    run_call(call, result);
    if (result.descriptors().size() > os::kMostDescriptors) {
      result.cut(0, 0);
      encode_failure(result, too_many_descriptors("return"), call_name(message));
    }
    slot.has_descriptors = !result.descriptors().empty();
    if (slot.has_descriptors) send_descriptors(index, result.descriptors());
    slot.size = result.size();
    slot.place = result.is_own() ? CallSlot::Place::outbox : CallSlot::Place::here;
    if (!result.is_own()) return;
    slot.offset = outbox_.allocate(result.size());
    std::memcpy(outbox_.at(slot.offset), result.bytes().data(), result.size());
  }
  static std::vector<os::Fd> ask_for_descriptors(std::uint32_t index) {
    const os::Fd& program = program_channel();
    Encoder question;
    question.raw(index);
    Message answer;
    if (send(program, Say::ask, question.bytes()) != 0 || receive(program, answer, os::Patience::wait) != 1) {
      os::exit_at_once(1);  // the program is gone
    }
    return std::move(answer.descriptors);
  }
  static void send_descriptors(std::uint32_t index, std::span<const os::Fd> descriptors) {
    Encoder letter;
    letter.raw(index);
    if (send(program_channel(), Say::letter, letter.bytes(), numbers_of(descriptors)) != 0) os::exit_at_once(1);
  }
  void ring() noexcept {
    const std::uint64_t one = 1;
    // A call has closed what is not its own: this worker is of no use, and its end is as good as the bell.
    if (os::write_file(bell_.get(), &one, sizeof one, -1) < 0) os::exit_at_once(1);
  }

  const CallBoard board_;
  const os::MemoryFile arena_;
  Arena outbox_;
  const os::Fd bell_;
  const std::uint32_t number_;
};

}  // namespace

void be_worker(os::Fd board, os::Fd arena, os::Fd outbox, os::Fd bell, WorkerPlan plan) {
  PoolProcess worker(std::move(board), std::move(arena), std::move(outbox), std::move(bell), plan.number);
  worker.work(plan.max_tasks == 0 ? ~std::uint64_t{0} : plan.max_tasks);
}

void be_worker_after(void (*initializer)(), os::Fd board, os::Fd arena, os::Fd outbox, os::Fd bell, WorkerPlan plan) {
  initializer();
  be_worker(std::move(board), std::move(arena), std::move(outbox), std::move(bell), plan);
}

}  // namespace plait::detail
