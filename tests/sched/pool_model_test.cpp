// SPDX-License-Identifier: BSL-1.0
// [P1] No work waits while a worker sleeps: every interleaving of those who push and of workers who search, sleep and
// are woken, on a machine on which a store may come after the loads that follow it. What docs/design/pool.md says in
// "Sleep", step by step; and that it does not hold without each of its steps.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

namespace {

/// The steps that can be left out.
struct Protocol {
  bool look_again = true;           ///< who goes to sleep looks at the queues once more
  bool process_barrier = true;      ///< before that
  bool last_searcher_looks = true;  ///< who finds work, and was the last to search, looks whether there is more
  bool barrier_of_last = true;      ///< before that
};

constexpr int kMaxWorkers = 3, kMaxPushers = 2;

/// A queue that one party fills, as a deque or the pool's queue: what is in memory, and in its store buffer.
struct Queue {
  std::int8_t visible = 0;
  std::int8_t buffered = 0;
};

enum class At : std::uint8_t {
  // A worker.
  search,     ///< counted active and searching: looks through the queues, one after the other
  leave,      ///< found nothing: leaves searching and active, and is idle
  barrier,    ///< process barrier
  look,       ///< at all queues again, one after the other
  return_,    ///< it saw some: becomes active again, unless somebody has seen to that, or there are enough
  asleep,     ///< until it is woken
  found,      ///< leaves searching
  barrier_2,  ///< it was the last who searched
  look_2,     ///< for more
  read_2,     ///< and wakes, as who pushes
  wake_2,
  works,  ///< for as long as it likes
  // Who pushes.
  push,  ///< stores the work
  read,  ///< light barrier (nothing on this machine), then loads active and searching
  wake,  ///< wakes one
  done,
};

struct Party {
  At at = At::asleep;
  std::int8_t left = 0;  ///< pieces to push; for a worker the next queue to look at
  std::int8_t saw_active = 0;
  bool token = false;  ///< woken
};

/// One state of everything. Compared as bytes, hence without padding.
struct State {
  std::array<Party, kMaxWorkers> workers;
  std::array<Party, kMaxPushers> pushers;
  std::array<Queue, kMaxPushers> queues;
  std::int8_t active = 0;
  std::int8_t searching = 0;
  std::uint8_t idle = 0;  ///< a set of workers

  std::string bytes() const { return {reinterpret_cast<const char*>(this), sizeof *this}; }
};
static_assert(std::has_unique_object_representations_v<State> || sizeof(State) == 5 * 4 + 4 + 3);

class Model {
 public:
  Model(int workers, int size, std::vector<int> pieces, Protocol protocol)
      : workers_(workers), size_(size), pushers_(static_cast<int>(pieces.size())), protocol_(protocol) {
    State first;
    for (int w = 0; w < workers; ++w) first.idle |= static_cast<std::uint8_t>(1 << w);
    for (int p = 0; p < pushers_; ++p) {
      first.pushers[p].at = At::push;
      first.pushers[p].left = static_cast<std::int8_t>(pieces[p]);
    }
    reach(first);
    while (!to_do_.empty() && !left_lying_) {
      const State state = to_do_.back();
      to_do_.pop_back();
      go_on_from(state);
    }
  }

  /// A state in which nothing happens any more unless a worker's work ends, and work lies there although a worker may
  /// run it and sleeps.
  bool work_is_left_lying() const { return left_lying_; }
  std::size_t states() const { return seen_.size(); }

 private:
  void reach(const State& state) {
    if (seen_.insert(state.bytes()).second) to_do_.push_back(state);
  }

  void go_on_from(const State& now) {
    const std::size_t before = steps_;
    for (int p = 0; p < pushers_; ++p) step_of_pusher(now, p);
    for (int p = 0; p < pushers_; ++p) {
      if (now.queues[p].buffered) step(now, [p](State& s) { flush(s, p); });
    }
    for (int w = 0; w < workers_; ++w) step_of_worker(now, w);
    // Work may last for ever, so its end is no way out: such a state counts as one in which nothing happens.
    if (steps_ == before) {
      bool work = false;
      for (int p = 0; p < pushers_; ++p) work |= now.queues[p].visible != 0;
      left_lying_ |= work && now.active < size_ && now.idle != 0;
    }
    for (int w = 0; w < workers_; ++w) {
      if (now.workers[w].at == At::works) step(now, [w](State& s) { begin_search(s, w); });
    }
  }

  template <class F>
  void step(State state, F f) {
    ++steps_;
    f(state);
    reach(state);
  }

  static void flush(State& s, int queue) {
    s.queues[queue].visible += s.queues[queue].buffered;
    s.queues[queue].buffered = 0;
  }
  void flush_all(State& s) const {
    for (int p = 0; p < pushers_; ++p) flush(s, p);
  }

  static void begin_search(State& s, int w) {
    ++s.searching;
    s.workers[w] = Party{.at = At::search};
  }

  /// Under the idle lock: one step.
  void wake_one(State& s) const {
    if (s.active >= size_ || s.idle == 0) return;
    int w = 0;
    while (!(s.idle >> w & 1)) ++w;
    s.idle &= static_cast<std::uint8_t>(~(1 << w));
    ++s.active;
    ++s.searching;
    s.workers[w].token = true;
  }

  void step_of_pusher(const State& now, int p) {
    switch (now.pushers[p].at) {
      case At::push:
        step(now, [&](State& s) {
          ++s.queues[p].buffered;
          --s.pushers[p].left;
          s.pushers[p].at = At::read;
        });
        break;
      case At::read:  // the two loads may see different moments
        step(now, [&](State& s) {
          s.pushers[p].saw_active = s.active;
          s.pushers[p].at = At::wake;
        });
        break;
      case At::wake:
        step(now, [&](State& s) {
          if (s.pushers[p].saw_active < size_ && s.searching == 0) {
            flush(s, p);  // the idle lock
            wake_one(s);
          }
          s.pushers[p].saw_active = 0;
          s.pushers[p].at = s.pushers[p].left ? At::push : At::done;
        });
        break;
      default:
        break;
    }
  }

  void step_of_worker(const State& now, int w) {
    const Party& worker = now.workers[w];
    switch (worker.at) {
      case At::search:
        step(now, [&](State& s) {
          Party& self = s.workers[w];
          Queue& queue = s.queues[self.left];
          if (queue.visible) {
            --queue.visible;
            self = Party{.at = At::found, .token = self.token};
          } else if (++self.left == pushers_) {
            self = Party{.at = At::leave, .token = self.token};
          }
        });
        break;
      case At::leave:
        step(now, [&](State& s) {
          --s.searching;
          --s.active;
          s.idle |= static_cast<std::uint8_t>(1 << w);
          s.workers[w].at = !protocol_.look_again ? At::asleep : protocol_.process_barrier ? At::barrier : At::look;
        });
        break;
      case At::barrier:
        step(now, [&](State& s) {
          flush_all(s);
          s.workers[w].at = At::look;
        });
        break;
      case At::look:
        step(now, [&](State& s) {
          Party& self = s.workers[w];
          if (s.queues[self.left].visible) {
            self = Party{.at = At::return_, .token = self.token};
          } else if (++self.left == pushers_) {
            self = Party{.at = At::asleep, .token = self.token};
          }
        });
        break;
      case At::return_:
        step(now, [&](State& s) { leave_idle(s, w); });
        break;
      case At::asleep:
        if (worker.token) step(now, [&](State& s) { leave_idle(s, w); });
        break;
      case At::found:
        step(now, [&](State& s) {
          const bool last = --s.searching == 0;
          s.workers[w].at = !last || !protocol_.last_searcher_looks || s.active >= size_ ? At::works
                            : protocol_.barrier_of_last                                  ? At::barrier_2
                                                                                         : At::look_2;
        });
        break;
      case At::barrier_2:
        step(now, [&](State& s) {
          flush_all(s);
          s.workers[w].at = At::look_2;
        });
        break;
      case At::look_2:
        step(now, [&](State& s) {
          Party& self = s.workers[w];
          if (s.queues[self.left].visible) {
            self = Party{.at = At::read_2, .token = self.token};
          } else if (++self.left == pushers_) {
            self = Party{.at = At::works, .token = self.token};
          }
        });
        break;
      case At::read_2:
        step(now, [&](State& s) {
          s.workers[w].saw_active = s.active;
          s.workers[w].at = At::wake_2;
        });
        break;
      case At::wake_2:
        step(now, [&](State& s) {
          if (s.workers[w].saw_active < size_ && s.searching == 0) wake_one(s);
          s.workers[w] = Party{.at = At::works, .token = s.workers[w].token};
        });
        break;
      default:
        break;
    }
  }

  /// Under the idle lock. A token that comes while the worker is awake is taken with the next sleep.
  void leave_idle(State& s, int w) const {
    Party& self = s.workers[w];
    const bool idle = s.idle >> w & 1;
    self.token = self.token && self.at != At::asleep;
    if (idle && s.active >= size_) {
      self.at = At::asleep;
      return;
    }
    if (idle) {
      s.idle &= static_cast<std::uint8_t>(~(1 << w));
      ++s.active;
      ++s.searching;
    }
    self = Party{.at = At::search, .token = self.token};
  }

  const int workers_, size_, pushers_;
  const Protocol protocol_;
  std::unordered_set<std::string> seen_;
  std::vector<State> to_do_;
  std::size_t steps_ = 0;
  bool left_lying_ = false;
};

/// Whether work is left lying in any of some small pools.
bool fails(Protocol protocol, std::size_t* states = nullptr) {
  struct Case {
    int workers, size;
    std::vector<int> pieces;
  };
  for (const Case& c : {Case{2, 2, {3}}, Case{2, 2, {2, 1}}, Case{3, 3, {1, 1}}, Case{3, 2, {2, 1}}}) {
    const Model model(c.workers, c.size, c.pieces, protocol);
    if (states) *states += model.states();
    if (model.work_is_left_lying()) return true;
  }
  return false;
}

TEST(PoolModel, NoWorkWaitsWhileAWorkerSleeps) {
  std::size_t states = 0;
  EXPECT_FALSE(fails({}, &states));
  RecordProperty("states", static_cast<int>(states));
  EXPECT_GT(states, 1000u);
}

TEST(PoolModel, EachStepIsNeeded) {
  EXPECT_TRUE(fails({.look_again = false}));
  EXPECT_TRUE(fails({.process_barrier = false}));
  EXPECT_TRUE(fails({.last_searcher_looks = false}));
  EXPECT_TRUE(fails({.barrier_of_last = false}));
}

}  // namespace
