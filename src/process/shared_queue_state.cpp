// SPDX-License-Identifier: BSL-1.0
//
// Idea. Two counters, `puts` and `gets`, each with one lock for its side, and each changed by one store: that store is
// the put, or the get. Everything else that a put changes is either beyond what anybody reads before the store (the
// bytes, the pointer to the next block), or kept twice: the position after n puts lies in slot n mod 2, so the next one
// is written beside the current one and becomes current by the store. A producer that is killed before it has put
// nothing, one that is killed after it has put everything, and its successor finds a state that needs no repair. The
// same with gets: the bytes are copied out before the store, so a message is there until somebody has all of it.
//
// Blocks. Messages fill a block of chunks one behind the other, then go on in the next; a message that is larger than a
// block gets a block of its size. The table says which chunks are in use: producers claim chunks, consumers free them,
// by a store each. A block that a dead producer claimed for a put that never was has the number of that put in its
// entry, which is above `puts`: the successor frees it. A block is freed one get later than it could be, by the get
// that overwrites the last position in it: so a kill in between frees it by the next get, and until then `unget` can go
// back to the position before. The entry tells a block from a later one in its place, so it is freed once.
//
// Memory order. `puts` is stored with release by the producer and read with acquire by the consumer; `gets` likewise
// the other way round: who sees a message taken may use its memory again. The compare-and-swap that frees the lock
// comes between the store and the look at the gates, so no wake-up is lost.
#include "plait/process/shared_queue_state.hpp"

#include <cerrno>
#include <cstring>

#include "plait/base/spin_lock.hpp"
#include "plait/process/shared_watch.hpp"

namespace plait::detail {
namespace {

constexpr std::uint64_t kLength = sizeof(std::uint64_t);
/// Blocks of this many chunks and more give their pages back when they are freed.
constexpr std::uint64_t kLarge = 256;
/// How often the lock of a side is tried before a task or a thread waits for it.
constexpr int kTries = 200;

constexpr std::uint64_t rounded(std::uint64_t size) noexcept { return (size + 7) / 8 * 8; }

template <class T>
T& at(std::byte* data, std::uint64_t offset) noexcept {
  return *reinterpret_cast<T*>(data + offset);
}

}  // namespace

std::byte* SharedQueueState::data(SharedSegment& segment) noexcept {
  constexpr std::uint64_t kData = (SharedSegment::kHeader + sizeof(SharedQueueState) + kChunk - 1) / kChunk * kChunk;
  static_assert(kData + kChunks * kChunk <= kQueueReserve);
  return segment.file().data() + kData;
}

std::shared_ptr<SharedSegment> SharedQueueState::create(std::uint64_t form, std::size_t capacity) {
  auto segment = SharedSegment::create(SharedKind::queue, form, sizeof(SharedQueueState), kQueueReserve);
  // In place and not by a constructor, which would touch all of the table.
  auto& state = segment->at<SharedQueueState>();
  state.capacity_ = capacity;
  const Position first = state.make_block(*segment, 0);
  state.put_at_[0] = state.get_at_[0] = state.get_at_[1] = first;
  state.get_at_[1].number = ~std::uint64_t{0};
  return segment;
}

/// Takes the lock of a side; busy for a moment only, unless its holder is stopped or copies something large.
bool SharedQueueState::lock(SharedLockState& lock, SharedWait* wait, bool& inherited) const noexcept {
  const ProcessSlot self = Family::self();
  if (lock.take(self) == SharedLockState::Step::taken) [[likely]]
    return true;
  for (int i = 0; i < kTries; ++i) {
    i % 16 == 15 ? yield_processor() : cpu_relax();
    if (lock.owner.load(std::memory_order_relaxed) == 0 && lock.take(self) == SharedLockState::Step::taken) return true;
  }
  return lock.take_over_or_arm(self, wait, inherited) == SharedLockState::Step::taken;
}

bool SharedQueueState::is_full(std::uint64_t puts) noexcept {
  if (capacity_ == 0 || puts - gets_seen_ < capacity_) return false;
  gets_seen_ = gets_.load(std::memory_order_seq_cst);
  return puts - gets_seen_ >= capacity_;
}

SharedStep SharedQueueState::put(SharedSegment& segment, std::span<const std::byte> message, SharedWait* wait) {
  if (wait) wait->arm(room_);
  if (closed_.load(std::memory_order_seq_cst) != kOpen) return SharedStep::shut_down;
  if (room_.lets_others_pass()) {
    if (wait) wait->be_patient();
    return SharedStep::wait;
  }
  bool inherited = false;
  if (!lock(put_lock_, wait, inherited)) return SharedStep::wait;
  if (inherited) free_unpublished();
  SharedStep step = SharedStep::done;
  if (closed_.load(std::memory_order_seq_cst) != kOpen) {
    step = SharedStep::shut_down;
  } else if (is_full(puts_.load(std::memory_order_relaxed))) {
    step = SharedStep::wait;
  } else {
    try {
      write(segment, message);
    } catch (...) {
      free_unpublished();
      put_lock_.give(Family::self());
      throw;
    }
  }
  put_lock_.give(Family::self());
  if (step == SharedStep::done) items_.notify(1);
  return step;
}

void SharedQueueState::write(SharedSegment& segment, std::span<const std::byte> message) {
  const std::uint64_t puts = puts_.load(std::memory_order_relaxed);
  Position position = put_at_[puts & 1];
  std::byte* const memory = data(segment);
  const std::uint64_t needed = kLength + rounded(message.size());
  // Behind each message there is room for the mark that the next one is in another block.
  const std::uint64_t end = position.block + chunks_of(position.entry) * kChunk;
  if (position.at + needed + kLength > end) [[unlikely]] {
    const Position next = make_block(segment, needed);
    at<Block>(memory, position.block) = {next.block, next.entry};
    at<std::uint64_t>(memory, position.at) = kNextBlock;
    position = next;
  }
  at<std::uint64_t>(memory, position.at) = message.size();
  if (!message.empty()) std::memcpy(memory + position.at + kLength, message.data(), message.size());
  position.at += needed;
  position.number = puts + 1;
  put_at_[(puts + 1) & 1] = position;
  puts_.store(puts + 1, std::memory_order_release);
}

/// Under the put lock: claims chunks for `bytes` of messages.
SharedQueueState::Position SharedQueueState::make_block(SharedSegment& segment, std::uint64_t bytes) {
  const std::uint64_t chunks = (sizeof(Block) + bytes + kLength + kChunk - 1) / kChunk;
  const std::uint64_t number = puts_.load(std::memory_order_relaxed) + 1;
  std::uint64_t first = 0, free = 0;
  for (std::uint64_t i = 0; i < chunks_in_file_ && free < chunks;) {
    // Acquire pairs with free_block(): who had the memory is through with it.
    const std::uint64_t entry = table_[i].load(std::memory_order_acquire);
    if (entry == 0) {
      ++free;
      ++i;
    } else {
      free = 0;
      i += chunks_of(entry);
      first = i;
    }
  }
  if (first + chunks > kChunks) os::throw_error(ENOMEM, "putting into a shared::Queue that is as large as it may be");
  if (first + chunks > chunks_in_file_) {
    segment.file().grow(static_cast<std::size_t>(data(segment) - segment.file().data()) + (first + chunks) * kChunk);
    chunks_in_file_ = first + chunks;
  }
  const std::uint64_t entry = number << kEntryBits | chunks;
  table_[first].store(entry, std::memory_order_relaxed);
  return {number - 1, first * kChunk, first * kChunk + sizeof(Block), entry};
}

/// Under the put lock: what was claimed for a put that never was.
void SharedQueueState::free_unpublished() noexcept {
  const std::uint64_t puts = puts_.load(std::memory_order_relaxed);
  for (std::uint64_t i = 0; i < chunks_in_file_; ++i) {
    const std::uint64_t entry = table_[i].load(std::memory_order_relaxed);
    if (entry >> kEntryBits > puts && put_at_[puts & 1].entry != entry) table_[i].store(0, std::memory_order_relaxed);
  }
}

/// Under the get lock.
void SharedQueueState::free_block(SharedSegment& segment, const Position& position) noexcept {
  std::uint64_t entry = position.entry;
  Atomic<std::uint64_t>& place = table_[position.block / kChunk];
  if (place.load(std::memory_order_relaxed) != entry) return;  // freed already, by one that was killed after that
  const std::uint64_t size = chunks_of(entry) * kChunk;
  if (chunks_of(entry) >= kLarge) {
    segment.file().discard(static_cast<std::size_t>(data(segment) - segment.file().data()) + position.block, size);
  }
  place.compare_exchange_strong(entry, 0, std::memory_order_release, std::memory_order_relaxed);
}

SharedStep SharedQueueState::begin_get(SharedSegment& segment, std::span<const std::byte>& message,
                                       std::uint64_t& number, SharedWait* wait) noexcept {
  if (wait) wait->arm(items_);
  const std::uint32_t closed = closed_.load(std::memory_order_seq_cst);
  if (closed == kDropping) return SharedStep::shut_down;
  if (items_.lets_others_pass()) {
    if (wait) wait->be_patient();
    return SharedStep::wait;
  }
  bool inherited = false;
  if (!lock(get_lock_, wait, inherited)) return SharedStep::wait;
  const std::uint64_t gets = gets_.load(std::memory_order_relaxed);
  if (gets == puts_seen_ || inherited) {
    puts_seen_ = puts_.load(std::memory_order_seq_cst);
    if (gets == puts_seen_) {
      get_lock_.give(Family::self());
      return closed == kOpen ? SharedStep::wait : SharedStep::shut_down;
    }
  }
  std::byte* const memory = data(segment);
  Position position = get_at_[gets & 1];
  if (at<std::uint64_t>(memory, position.at) == kNextBlock) {
    const Block next = at<Block>(memory, position.block);
    position = {gets, next.next, next.next + sizeof(Block), next.next_entry};
  }
  const std::uint64_t length = at<std::uint64_t>(memory, position.at);
  message = {memory + position.at + kLength, length};
  position.at += kLength + rounded(length);
  position.number = gets + 1;
  taken_ = position;
  number = gets;
  return SharedStep::done;
}

void SharedQueueState::commit_get(SharedSegment& segment) noexcept {
  const std::uint64_t gets = gets_.load(std::memory_order_relaxed);
  Position& before = get_at_[(gets + 1) & 1];
  if (before.number + 1 == gets && before.block != get_at_[gets & 1].block) free_block(segment, before);
  before = taken_;
  gets_.store(gets + 1, std::memory_order_release);
  get_lock_.give(Family::self());
  if (capacity_ != 0) room_.notify(1);
}

bool SharedQueueState::unget(std::uint64_t number) noexcept {
  bool inherited = false;
  if (!lock(get_lock_, nullptr, inherited)) return false;
  const bool last = gets_.load(std::memory_order_relaxed) == number + 1;
  if (last) gets_.store(number, std::memory_order_release);
  get_lock_.give(Family::self());
  if (last) items_.notify(1);
  return last;
}

void SharedQueueState::shut_down(bool immediate) noexcept {
  std::uint32_t before = closed_.load(std::memory_order_relaxed);
  const std::uint32_t after = immediate ? kDropping : kDraining;
  while (before < after && !closed_.compare_exchange_weak(before, after, std::memory_order_seq_cst)) {
  }
  items_.notify_all();
  room_.notify_all();
  finished_.notify_all();
}

std::uint64_t SharedQueueState::size() const noexcept {
  if (closed_.load(std::memory_order_relaxed) == kDropping) return 0;
  const std::uint64_t gets = gets_.load(std::memory_order_acquire);
  return puts_.load(std::memory_order_acquire) - gets;
}

bool SharedQueueState::may_get() const noexcept {
  return puts_.load(std::memory_order_relaxed) != gets_.load(std::memory_order_relaxed) ||
         closed_.load(std::memory_order_relaxed) != kOpen;
}

bool SharedQueueState::may_put() const noexcept {
  return capacity_ == 0 || puts_.load(std::memory_order_relaxed) - gets_.load(std::memory_order_relaxed) < capacity_ ||
         closed_.load(std::memory_order_relaxed) != kOpen;
}

bool SharedQueueState::finish_one() noexcept {
  std::uint64_t done = done_.load(std::memory_order_relaxed);
  do {
    if (done == puts_.load(std::memory_order_acquire)) return false;
  } while (!done_.compare_exchange_weak(done, done + 1, std::memory_order_seq_cst));
  if (all_done()) finished_.notify_all();
  return true;
}

bool SharedQueueState::all_done() const noexcept {
  const bool dropping = closed_.load(std::memory_order_seq_cst) == kDropping;
  return done_.load(std::memory_order_seq_cst) >=
         (dropping ? gets_.load(std::memory_order_seq_cst) : puts_.load(std::memory_order_seq_cst));
}

}  // namespace plait::detail
