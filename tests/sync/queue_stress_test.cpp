// SPDX-License-Identifier: BSL-1.0
// Nothing lost: producers and consumers in tasks of two loops and in threads, cancelled and timed out at random, and an
// account of every item. PLAIT_STRESS_OPERATIONS sets the length, PLAIT_STRESS_SEED repeats a run's choices.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/stress.hpp"

namespace plait {
namespace {

/// What became of each item.
class Account {
 public:
  explicit Account(long items) : seen_(items) {}

  long next_item() { return next_++; }
  bool more() const { return next_.load() < static_cast<long>(seen_.size()); }
  void was_put(long item) { mark(item, kPut); }
  void was_got(long item) {
    ++got;
    mark(item, kGot);
  }
  /// An item was got, once, if and only if its putter was told that it was put.
  void settle() {
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      const int seen = seen_[i];
      if (seen & kTwice) ADD_FAILURE() << "item " << i << " was got or put twice";
      if ((seen & kPut) && !(seen & kGot)) ADD_FAILURE() << "item " << i << " was put and lost";
      if (!(seen & kPut) && (seen & kGot)) ADD_FAILURE() << "item " << i << " was got, although its put was cancelled";
    }
  }

  std::atomic<long> got{0}, cancelled_puts{0}, cancelled_gets{0};

 private:
  static constexpr int kPut = 1, kGot = 2, kTwice = 4;
  void mark(long item, int what) {
    const int before = seen_[static_cast<std::size_t>(item)].fetch_or(what);
    if (before & what) seen_[static_cast<std::size_t>(item)].fetch_or(kTwice);
  }
  std::vector<std::atomic<int>> seen_;
  std::atomic<long> next_{0};
};

using Item = std::unique_ptr<long>;  // a lost or doubled one is a leak or a double free, too
struct Least {
  bool operator()(const Item& a, const Item& b) const { return *a < *b; }
};

template <class Q>
struct Stress {
  Q queue;
  Account account;
  std::atomic<int> producers{0};
  unsigned seed;

  Stress(std::size_t capacity, long items, unsigned s) : queue(capacity), account(items), seed(s) {}

  void producer_ends() {
    if (--producers == 0) queue.shutdown();
  }

  /// One time in four, a limit of up to 50 µs.
  static Duration some_limit(std::mt19937& random) {
    const unsigned choice = random();
    return choice % 4 == 0 ? std::chrono::microseconds(choice / 4 % 50) : Duration::max();
  }

  Task<> put_one(long number, Duration limit) {
    Item item = std::make_unique<long>(number);
    try {
      co_await timeout(limit, queue.put(std::move(item)));
    } catch (const TimeoutError&) {
      ++account.cancelled_puts;
      co_return;
    }
    account.was_put(number);
  }
  Task<> get_one(Duration limit) {
    std::optional<Item> item = co_await move_on_after(limit, queue.get());
    if (item) {
      account.was_got(**item);
    } else {
      ++account.cancelled_gets;
    }
  }

  Task<> produce(std::mt19937 random) {
    while (account.more()) {
      const long number = account.next_item();
      if (number >= items) break;
      auto f = spawn(put_one(number, some_limit(random)));
      co_await finish_or_cancel(f, random, account.cancelled_puts);
    }
  }
  Task<> consume(std::mt19937 random) {
    for (bool shut = false; !shut;) {
      auto f = spawn(get_one(some_limit(random)));
      try {
        co_await finish_or_cancel(f, random, account.cancelled_gets);
      } catch (const QueueShutDown&) {
        shut = true;
      }
    }
  }
  /// Lets it run for some turns, then cancels it, or not.
  static Task<> finish_or_cancel(Future<void>& f, std::mt19937& random, std::atomic<long>& cancelled) {
    const unsigned choice = random();
    if (choice % 3 == 0) {
      for (unsigned i = 0; i < choice / 3 % 4; ++i) co_await yield_now();
      f.cancel();
    }
    try {
      co_await f;
    } catch (const Cancelled&) {
      ++cancelled;
    }
  }

  void produce_in_thread() {
    while (account.more()) {
      const long number = account.next_item();
      if (number >= items) break;
      sync_wait(queue.put(std::make_unique<long>(number)));
      account.was_put(number);
    }
    producer_ends();
  }
  void consume_in_thread() {
    while (auto item = sync_wait(queue.next())) account.was_got(**item);
  }
  /// A thread that gets, and is cancelled; others take its place.
  void cancel_threads(std::mt19937 random) {
    for (bool shut = false; !shut;) {
      auto f = spawn_thread([this] {
        for (;;) {
          Item item = sync_wait(queue.get());
          account.was_got(*item);
        }
      });
      for (unsigned i = random() % 2000; i > 0; --i) detail::cpu_relax();
      f.cancel();
      try {
        f.result();
      } catch (const Cancelled&) {
        ++account.cancelled_gets;
      } catch (const QueueShutDown&) {
        shut = true;
      }
      shut = shut || queue.is_shut_down();
    }
  }

  long items = 0;

  void go(const char* name) {
    producers = 4;
    const auto loop = [this](unsigned s) {
      run([this, s]() -> Task<> {
        Future<void> consumer = spawn(consume(std::mt19937(s)));
        Future<void> second = spawn(consume(std::mt19937(s + 1)));
        co_await gather(produce(std::mt19937(s + 2)), produce(std::mt19937(s + 3)));
        producer_ends();
        co_await consumer;
        co_await second;
      });
    };
    std::thread strands[] = {std::thread(loop, seed * 100),
                             std::thread(loop, seed * 100 + 50),
                             std::thread([this] { produce_in_thread(); }),
                             std::thread([this] { produce_in_thread(); }),
                             std::thread([this] { consume_in_thread(); }),
                             std::thread([this] { cancel_threads(std::mt19937(seed)); })};
    for (std::thread& t : strands) t.join();
    // The cancelled thread may have given one back when all others had been told the end.
    while (!queue.empty()) account.was_got(**queue.try_get());
    account.settle();
    std::printf("%s: seed %u, %ld items: %ld got, %ld puts and %ld gets cancelled or timed out\n", name, seed, items,
                account.got.load(), account.cancelled_puts.load(), account.cancelled_gets.load());
    EXPECT_EQ(account.got + account.cancelled_puts, items);
  }
};

template <class Q>
void stress(const char* name, std::size_t capacity, long share) {
  const long operations = test::stress_operations(100'000);
  const unsigned seed = test::stress_seed();
  const long items = operations / 2 / share;  // a put and a get each
  Stress<Q> stress(capacity, items, seed);
  stress.items = items;
  stress.go(name);
}

TEST(QueueStress, LosesNothingInABoundedQueue) { stress<Queue<Item>>("Queue(4)", 4, 2); }
TEST(QueueStress, LosesNothingInAQueueOfOne) { stress<Queue<Item>>("Queue(1)", 1, 8); }
TEST(QueueStress, LosesNothingInAnUnboundedQueue) { stress<Queue<Item>>("Queue()", 0, 8); }
TEST(QueueStress, LosesNothingInALifoQueue) { stress<LifoQueue<Item>>("LifoQueue(4)", 4, 8); }
TEST(QueueStress, LosesNothingInAPriorityQueue) { stress<PriorityQueue<Item, Least>>("PriorityQueue(4)", 4, 8); }

}  // namespace
}  // namespace plait
