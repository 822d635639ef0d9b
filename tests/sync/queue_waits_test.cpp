// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/queue_waits.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <memory>
#include <thread>

#include "plait/plait.hpp"

namespace plait {
namespace {

/// Memory that nobody can touch once it is freed, in every kind of build.
class Page {
 public:
  Page() : memory_(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;
  ~Page() { ::munmap(memory_, kSize); }
  void* get() const noexcept { return memory_; }
  void forbid() const noexcept { ::mprotect(memory_, kSize, PROT_NONE); }

 private:
  static constexpr std::size_t kSize = 4096;
  void* memory_;
};

/// Holds up whoever makes a thread ready until that thread, which it wakes itself, has destroyed the queue.
class UnparkLate final : public detail::Hook {
 public:
  explicit UnparkLate(const detail::ThreadStrand& of) : of_(of) { detail::installed_hook = this; }
  ~UnparkLate() override { detail::installed_hook = nullptr; }
  void reach(detail::Point point, const void* object) override {
    if (point != detail::Point::unpark || object != static_cast<const detail::Strand*>(&of_)) return;
    const_cast<detail::ThreadStrand&>(of_).parker.give_token();
    while (!destroyed) std::this_thread::yield();
  }
  unsigned choose(unsigned) override { return 0; }
  std::atomic<bool> destroyed{false};

 private:
  const detail::ThreadStrand& of_;
};

/// A thread waits in `wait(queue)`, and destroys the queue as soon as `serve(queue)` has decided that it goes on.
template <class Wait, class Serve>
void destroy_as_soon_as_served(Wait wait, Serve serve) {
  Page page;
  static_assert(sizeof(Queue<int>) <= 4096);
  auto* queue = new (page.get()) Queue<int>;
  static_cast<void>(queue->try_put(1));
  std::atomic<detail::ThreadStrand*> strand{nullptr};
  std::atomic<UnparkLate*> hook{nullptr};
  std::thread waiter([&] {
    strand = &detail::this_thread_strand();
    wait(*queue);
    std::destroy_at(queue);
    page.forbid();
    UnparkLate* late;
    while (!(late = hook)) std::this_thread::yield();
    late->destroyed = true;
  });
  const auto waits = [&] {
    const QueueStatistics s = queue->statistics();
    return s.waiting_joiners + s.waiting_getters != 0;
  };
  while (!strand || !waits()) std::this_thread::yield();
  {
    UnparkLate late(*strand);
    hook = &late;
    serve(*queue);
    waiter.join();
  }
}

TEST(QueueWaits, LeaveAQueueAloneOnceTheLastOneInJoinGoesOn) {
  destroy_as_soon_as_served([](Queue<int>& q) { sync_wait(q.join()); }, [](Queue<int>& q) { q.task_done(); });
}

TEST(QueueWaits, LeaveAQueueAloneOnceTheLastOneIsToldItsEnd) {
  const auto drain = [](Queue<int>& q) {
    static_cast<void>(sync_wait(q.get()));
    EXPECT_FALSE(sync_wait(q.next()));
  };
  destroy_as_soon_as_served(drain, [](Queue<int>& q) { q.shutdown(); });
}

}  // namespace
}  // namespace plait
