// SPDX-License-Identifier: BSL-1.0
//
// Idea. Each operation is one entry of the submission queue; a turn of the loop hands all of them to the kernel with
// one system call. The kernel owns the buffer until the completion arrives, so an abort asks the kernel to cancel and
// answers "not now"; the completion decides.
//
// One thread. The ring is set up by the thread that drives it (SINGLE_ISSUER, DEFER_TASKRUN where the kernel has them),
// and completions are delivered only while that thread waits. Loops are pooled and may be driven by another thread the
// next time; nothing is in flight then, so the ring is thrown away and set up anew, which costs less than running
// without these flags. Only the eventfd for wake-ups outlives it; it is polled, not read, so that a dying ring can't
// swallow a signal.
//
// Invariants. 1. An operation is in exactly one of the three lists while it is in flight. 2. Entries name an operation
// by address and sequence number, so a late cancel can't hit a later operation in the same frame. 3. What finds no
// place in the queue, an operation, a cancel or the waker, is kept and queued by the next `wait` or `flush`. 4. After
// `flush` the kernel has taken its own reference to the file of every operation, so its number may be closed.
#ifdef PLAIT_HAVE_LIBURING

#include "uring_poller.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "io_call.hpp"
#include "plait/base/contract.hpp"
#include "plait/os/socket.hpp"

namespace plait::detail {
namespace {

constexpr std::uint64_t kIgnored = 0, kWaker = 1;
constexpr unsigned kAddressBits = 48;
constexpr std::size_t kMostAtOnce = 1u << 30;

/// Bits of IoOperation::stage.
constexpr std::uint8_t kUnqueued = 1, kPolling = 2, kCancelling = 4, kCancelDue = 8, kForeign = 16;

/// A different number for each thread that ever was.
std::uint64_t thread_number() noexcept {
  static constinit Atomic<std::uint64_t> last{0};
  thread_local const std::uint64_t mine = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return mine;
}

IoOperation& operation_of(std::uint64_t mark) noexcept {
  // The kernel hands back the number that the address was given to it as.
  return *reinterpret_cast<IoOperation*>(  // NOLINT(performance-no-int-to-ptr)
      mark & ((std::uint64_t{1} << kAddressBits) - 1));
}

bool writes(const IoOperation& operation) noexcept {
  return operation.kind == IoOperation::Kind::send || operation.kind == IoOperation::Kind::write;
}

/// Made by the loop itself, while the kernel only waits for readiness: what performs itself, and a write to a pipe, for
/// which the kernel would raise SIGPIPE.
bool is_made_here(const IoOperation& operation) noexcept {
  const bool to_pipe = operation.kind == IoOperation::Kind::write && operation.offset < 0 && operation.descriptor;
  return to_pipe || operation.performs_itself();
}

/// Makes it as far as it goes; false if it has to wait.
bool make(IoOperation& operation) noexcept {
  operation.result = call_now(operation);
  return !would_block(operation.result);
}

void prepare(io_uring_sqe& entry, IoOperation& operation) noexcept {
  using Kind = IoOperation::Kind;
  char* const rest = static_cast<char*>(operation.buffer) + operation.done;
  const auto left = static_cast<unsigned>(std::min(operation.length - operation.done, kMostAtOnce));
  const std::int64_t offset = operation.offset < 0 ? -1 : operation.offset + static_cast<std::int64_t>(operation.done);
  if (operation.stage & kPolling) {
    io_uring_prep_poll_add(&entry, operation.fd, operation.reads() ? os::kEpollIn : os::kEpollOut);
    return;
  }
  switch (operation.kind) {
    case Kind::readable:
      io_uring_prep_poll_add(&entry, operation.fd, os::kEpollIn);
      break;
    case Kind::writable:
      io_uring_prep_poll_add(&entry, operation.fd, os::kEpollOut);
      break;
    case Kind::read:
      io_uring_prep_read(&entry, operation.fd, rest, left, static_cast<std::uint64_t>(offset));
      break;
    case Kind::write:
      io_uring_prep_write(&entry, operation.fd, rest, left, static_cast<std::uint64_t>(offset));
      break;
    case Kind::receive:
      io_uring_prep_recv(&entry, operation.fd, rest, left, 0);
      break;
    case Kind::send:
      // Without MSG_WAITALL, with which the kernel keeps an error to itself if some bytes went out before.
      io_uring_prep_send(&entry, operation.fd, rest, left, MSG_NOSIGNAL);
      break;
    case Kind::accept: {
      auto& peer = *static_cast<os::SocketAddress*>(operation.buffer);
      io_uring_prep_accept(&entry, operation.fd, static_cast<sockaddr*>(peer.data()), peer.fill(),
                           SOCK_CLOEXEC | SOCK_NONBLOCK);
      break;
    }
    case Kind::connect: {
      const auto& peer = *static_cast<const os::SocketAddress*>(operation.buffer);
      io_uring_prep_connect(&entry, operation.fd, static_cast<const sockaddr*>(peer.data()), peer.length());
      break;
    }
    case Kind::open:
      io_uring_prep_openat(&entry, AT_FDCWD, static_cast<const char*>(operation.buffer),
                           static_cast<int>(operation.offset) | O_CLOEXEC, 0666);
      // Tried at once, the kernel would add O_NONBLOCK, with which the open of a FIFO does not wait for a writer.
      io_uring_sqe_set_flags(&entry, IOSQE_ASYNC);
      break;
    case Kind::own_read:
    case Kind::own_write:
      break;  // they are only polled for
  }
}

/// EINTR, or one of the kernel's own numbers for it (ERESTARTSYS and its kin), which io_uring lets out.
bool interrupted(int result) noexcept { return result == -EINTR || (result <= -512 && result >= -516); }

/// What to do with a completion.
enum class Next : std::uint8_t { finish, again, poll };

Next next_step(IoOperation& operation, int result) noexcept {
  using Kind = IoOperation::Kind;
  if (operation.stage & (kCancelling | kCancelDue)) return Next::finish;
  if (is_made_here(operation)) {
    if (result >= 0 || interrupted(result)) return make(operation) ? Next::finish : Next::poll;
    operation.result = result;
    return Next::finish;
  }
  if (operation.stage & kPolling) return operation.kind == Kind::connect ? Next::finish : Next::again;
  if (interrupted(result)) return Next::again;
  if (result == -EAGAIN && operation.kind != Kind::connect) return Next::poll;
  if (result == -EINPROGRESS) return Next::poll;
  if (operation.kind == Kind::accept && os::died_in_the_queue(-result)) return Next::again;
  if (writes(operation) && result > 0 && operation.done < operation.length) return Next::again;
  return Next::finish;
}

std::int64_t outcome_of(const IoOperation& operation, int result) noexcept {
  using Kind = IoOperation::Kind;
  if (writes(operation) && operation.done == operation.length) return static_cast<std::int64_t>(operation.length);
  const bool cancelled = operation.stage & (kCancelling | kCancelDue);
  const bool happened = result >= 0 && !writes(operation) && !(operation.stage & kPolling);
  const bool stopped = result >= 0 || result == -ECANCELED || result == -EAGAIN || interrupted(result);
  if (cancelled && !happened && stopped) {
    return operation.closed ? IoOperation::kClosed : IoOperation::kAborted;
  }
  if (is_made_here(operation)) return operation.result;
  if (operation.kind == Kind::connect && operation.stage & kPolling) return os::pending_error(operation.fd);
  if (operation.kind == Kind::readable || operation.kind == Kind::writable) return std::min(result, 0);
  return result;
}

}  // namespace

void IoList::push_back(IoOperation& operation) noexcept {
  operation.previous = last_;
  operation.next = nullptr;
  (last_ ? last_->next : first_) = &operation;
  last_ = &operation;
}

void IoList::remove(IoOperation& operation) noexcept {
  (operation.previous ? operation.previous->next : first_) = operation.next;
  (operation.next ? operation.next->previous : last_) = operation.previous;
}

IoList& UringPoller::list_of(const IoOperation& operation) noexcept {
  if (operation.stage & kUnqueued) return unqueued_;
  return operation.stage & kForeign ? foreign_ : owned_;
}

void UringPoller::enter() {
  if (ring_ && thread_ == thread_number()) return;
  ring_.reset();
  ring_.emplace();
  thread_ = thread_number();
  queue_waker();
}

void UringPoller::queue_waker() noexcept {
  io_uring_sqe* entry = ring_->place();
  waker_due_ = entry == nullptr;
  if (!entry) return;
  io_uring_prep_poll_add(entry, waker_.get(), os::kEpollIn);
  entry->user_data = kWaker;
}

bool UringPoller::start(IoOperation& operation) noexcept {
  operation.stage = operation.descriptor ? 0 : kForeign;
  if (is_made_here(operation)) {
    if (make(operation)) return true;
    operation.stage = kPolling;
  }
  ++in_flight_;
  queue(operation);
  // Its owner may close it at any time; then the kernel must have its own reference to the file.
  if (operation.kind <= IoOperation::Kind::writable) ring_->submit();
  return false;
}

void UringPoller::queue(IoOperation& operation) noexcept {
  io_uring_sqe* entry = ring_->place();
  if (!entry) {
    operation.stage |= kUnqueued;
    unqueued_.push_back(operation);
    return;
  }
  operation.stage &= static_cast<std::uint8_t>(~kUnqueued);
  list_of(operation).push_back(operation);
  prepare(*entry, operation);
  const auto address = reinterpret_cast<std::uintptr_t>(&operation);
  operation.stamp = std::uint64_t{++sequence_} << kAddressBits | address;
  entry->user_data = operation.stamp;
}

bool UringPoller::abort(IoOperation& operation) noexcept {
  if (operation.stage & kUnqueued) {
    unqueued_.remove(operation);
    --in_flight_;
    return true;
  }
  if (operation.stage & (kCancelling | kCancelDue)) return false;
  if (!queue_cancel(operation)) {
    operation.stage |= kCancelDue;
    ++cancels_due_;
  }
  return false;
}

bool UringPoller::queue_cancel(IoOperation& operation) noexcept {
  io_uring_sqe* entry = ring_->place();
  if (!entry) return false;
  io_uring_prep_cancel64(entry, operation.stamp, 0);
  entry->user_data = kIgnored;
  operation.stage |= kCancelling;
  return true;
}

void UringPoller::forget(int fd) noexcept {
  end_foreign(unqueued_, fd);
  end_foreign(foreign_, fd);
}

void UringPoller::end_foreign(IoList& list, int fd) noexcept {
  bool any = false;
  for (IoOperation* operation = list.first(); operation;) {
    IoOperation& each = *std::exchange(operation, operation->next);
    if (each.fd != fd || !(each.stage & kForeign) || each.kind > IoOperation::Kind::writable) continue;
    any = true;
    each.closed = true;
    if (abort(each)) each.complete(IoOperation::kClosed);
  }
  if (any) flush();
}

/// Queues what found no place before.
void UringPoller::retry_queueing() noexcept {
  if (waker_due_) queue_waker();
  while (IoOperation* operation = unqueued_.first()) {
    unqueued_.remove(*operation);
    queue(*operation);
    if (operation->stage & kUnqueued) break;
  }
  for (IoList* list : {&owned_, &foreign_}) {
    for (IoOperation* each = cancels_due_ != 0 ? list->first() : nullptr; each; each = each->next) {
      if (!(each->stage & kCancelDue)) continue;
      if (!queue_cancel(*each)) return;
      each->stage &= static_cast<std::uint8_t>(~kCancelDue);
      --cancels_due_;
    }
  }
}

void UringPoller::flush() noexcept {
  do {
    retry_queueing();
    ring_->submit();
  } while ((cancels_due_ != 0 || !ring_->all_submitted()) && reap());
}

void UringPoller::wait(TimePoint deadline) noexcept {
  retry_queueing();
  // Submitting comes before reaping, so that a cancel reaches the kernel before its operation's frame goes on.
  const int error = ring_->submit_and_wait(deadline);
  if (error != 0 && error != EBUSY && error != EAGAIN && error != ENOMEM) {
    fail("io_uring_enter: " + std::string(std::strerror(error)));
  }
  reap();
}

bool UringPoller::reap() noexcept {
  bool any = false;
  std::array<io_uring_cqe*, 128> completions;
  while (const unsigned n = ring_->reap(completions)) {
    any = true;
    for (unsigned i = 0; i < n; ++i) on_completion(completions[i]->user_data, completions[i]->res);
    ring_->consume(n);
    if (n < completions.size()) break;
  }
  return any;
}

void UringPoller::on_completion(std::uint64_t mark, int result) noexcept {
  if (mark == kIgnored) return;
  if (mark == kWaker) {
    waker_.drain();
    return queue_waker();
  }
  IoOperation& operation = operation_of(mark);
  if (writes(operation) && result > 0 && !(operation.stage & kPolling)) {
    operation.done += static_cast<std::size_t>(result);
  }
  const Next next = next_step(operation, result);
  if (next == Next::finish) return finish(operation, outcome_of(operation, result));
  list_of(operation).remove(operation);
  operation.stage = static_cast<std::uint8_t>((operation.stage & kForeign) | (next == Next::poll ? kPolling : 0));
  queue(operation);
}

void UringPoller::finish(IoOperation& operation, std::int64_t outcome) noexcept {
  if (operation.stage & kCancelDue) --cancels_due_;
  list_of(operation).remove(operation);
  --in_flight_;
  if (outcome < 0) note_loss(operation.descriptor, outcome);
  operation.complete(outcome);
}

}  // namespace plait::detail

#endif
