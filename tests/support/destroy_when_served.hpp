// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <memory>
#include <thread>

#include "plait/core/hooks.hpp"
#include "plait/core/thread_strand.hpp"

namespace plait::test {

/// Memory that nobody can touch once it is freed, in every kind of build.
class Page {
 public:
  static constexpr std::size_t kSize = 4096;
  Page() : memory_(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;
  ~Page() { ::munmap(memory_, kSize); }
  void* get() const noexcept { return memory_; }
  void forbid() const noexcept { ::mprotect(memory_, kSize, PROT_NONE); }

 private:
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

/// A thread waits in `wait(primitive)`, and destroys the primitive as soon as `serve(primitive)` has decided that it
/// goes on; whoever serves it must not touch the primitive after that. `waiting(primitive)`: it waits.
template <class Primitive, class Waiting, class Wait, class Serve>
void destroy_as_soon_as_served(auto make, Waiting waiting, Wait wait, Serve serve) {
  Page page;
  static_assert(sizeof(Primitive) <= Page::kSize);
  auto* primitive = new (page.get()) Primitive(make());
  std::atomic<detail::ThreadStrand*> strand{nullptr};
  std::atomic<UnparkLate*> hook{nullptr};
  std::thread waiter([&] {
    strand = &detail::this_thread_strand();
    wait(*primitive);
    std::destroy_at(primitive);
    page.forbid();
    UnparkLate* late;
    while (!(late = hook)) std::this_thread::yield();
    late->destroyed = true;
  });
  while (!strand || !waiting(*primitive)) std::this_thread::yield();
  UnparkLate late(*strand);
  hook = &late;
  serve(*primitive);
  waiter.join();
}

}  // namespace plait::test
