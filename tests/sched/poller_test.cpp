// SPDX-License-Identifier: BSL-1.0
//
// What both pollers owe, seen through foreign descriptors: pipes, files, and numbers that are closed and used again.
#include "plait/sched/poller.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "plait/core/promise.hpp"
#include "plait/io/readiness.hpp"
#include "plait/sched/event_loop.hpp"
#include "plait/sched/gather.hpp"
#include "plait/sched/run.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sched/spawn.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"

namespace {

using plait::Future;
using plait::readable;
using plait::Task;
using plait::writable;
using plait::os::Fd;
using plait::test::turns;
using namespace std::chrono_literals;

struct Pipe {
  Fd out, in;  // read from `out`, write to `in`
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("pipe2");
    out.reset(fds[0]);
    in.reset(fds[1]);
  }
  void put(char c = 'x') { EXPECT_EQ(::write(in.get(), &c, 1), 1); }
  char take() {
    char c = 0;
    EXPECT_EQ(::read(out.get(), &c, 1), 1);
    return c;
  }
  void fill() {
    const std::array<char, 4096> block{};
    while (::write(in.get(), block.data(), block.size()) > 0) {
    }
  }
};

Task<> wait_readable(int fd) { co_await readable(fd); }
Task<> wait_writable(int fd) { co_await writable(fd); }

/// The errno that `f` ended with, or 0.
Task<int> code_of(Future<void>& f) {
  try {
    co_await f;
  } catch (const std::system_error& error) {
    co_return error.code().value();
  }
  co_return 0;
}

std::size_t in_flight() { return plait::detail::EventLoop::current()->poller().in_flight(); }

class PollerTest : public testing::TestWithParam<const char*> {
 protected:
  template <class F>
  void run(F f) {
    plait::run(plait::detail::keep_alive(std::move(f)), {.poller = GetParam()});
  }
};

INSTANTIATE_TEST_SUITE_P(Pollers, PollerTest, testing::Values("epoll", "io_uring"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(PollerTest, RunsOnTheOneThatWasAskedFor) {
  run([&]() -> Task<> {
    EXPECT_EQ(plait::detail::EventLoop::current()->poller().name(), GetParam());
    co_return;
  });
}

TEST_P(PollerTest, WhatIsReadyIsReadyAtOnce) {
  run([]() -> Task<> {
    Pipe pipe;
    co_await writable(pipe.in.get());
    pipe.put();
    co_await readable(pipe.out.get());
    EXPECT_EQ(pipe.take(), 'x');
  });
}

TEST_P(PollerTest, AWaitEndsWhenTheDescriptorBecomesReady) {
  run([]() -> Task<> {
    Pipe pipe;
    auto waiting = plait::spawn(wait_readable(pipe.out.get()));
    co_await turns(20);
    EXPECT_FALSE(waiting.done());
    pipe.put();
    co_await waiting;
    EXPECT_EQ(pipe.take(), 'x');
  });
}

TEST_P(PollerTest, AFullPipeIsWritableOnceItIsRead) {
  run([]() -> Task<> {
    Pipe pipe;
    pipe.fill();
    auto waiting = plait::spawn(wait_writable(pipe.in.get()));
    co_await turns(20);
    EXPECT_FALSE(waiting.done());
    std::array<char, 8192> block;
    while (::read(pipe.out.get(), block.data(), block.size()) > 0) {
    }
    co_await waiting;
  });
}

TEST_P(PollerTest, TheEndOfAPipeIsReadiness) {
  run([]() -> Task<> {
    Pipe pipe;
    auto waiting = plait::spawn(wait_readable(pipe.out.get()));
    co_await turns(5);
    pipe.in.reset();
    co_await waiting;
  });
}

TEST_P(PollerTest, APipeWithoutReaderIsWritableForItsError) {
  run([]() -> Task<> {
    Pipe pipe;
    pipe.fill();
    auto waiting = plait::spawn(wait_writable(pipe.in.get()));
    co_await turns(5);
    pipe.out.reset();
    co_await waiting;
  });
}

TEST_P(PollerTest, AFileIsAlwaysReady) {
  run([]() -> Task<> {
    Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    co_await readable(file.get());
    co_await readable(null.get());
    co_await writable(null.get());
  });
}

TEST_P(PollerTest, WhatIsNoDescriptorIsAnErrorThatNamesIt) {
  run([]() -> Task<> {
    try {
      co_await readable(-1);
      ADD_FAILURE();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EBADF);
      EXPECT_NE(std::string(error.what()).find("descriptor -1"), std::string::npos) << error.what();
    }
    auto unused = plait::spawn(wait_writable(999'999));
    EXPECT_EQ(co_await code_of(unused), EBADF);
  });
}

TEST_P(PollerTest, SeveralStrandsWaitForOneDescriptorInBothDirections) {
  run([]() -> Task<> {
    Fd counter(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const std::uint64_t most = ~std::uint64_t{0} - 1;
    EXPECT_EQ(::write(counter.get(), &most, sizeof most), 8);
    std::uint64_t value;
    auto write_1 = plait::spawn(wait_writable(counter.get()));
    auto write_2 = plait::spawn(wait_writable(counter.get()));
    co_await turns(5);
    EXPECT_FALSE(write_1.done());
    EXPECT_EQ(::read(counter.get(), &value, sizeof value), 8);
    auto read_1 = plait::spawn(wait_readable(counter.get()));
    auto read_2 = plait::spawn(wait_readable(counter.get()));
    co_await write_1;
    co_await write_2;
    co_await turns(5);
    EXPECT_FALSE(read_1.done());
    value = 1;
    EXPECT_EQ(::write(counter.get(), &value, sizeof value), 8);
    co_await read_1;
    co_await read_2;
  });
}

TEST_P(PollerTest, ACancelledWaitEndsAndTheOthersGoOn) {
  run([]() -> Task<> {
    Pipe pipe;
    auto first = plait::spawn(wait_readable(pipe.out.get()));
    auto second = plait::spawn(wait_readable(pipe.out.get()));
    co_await turns(5);
    first.cancel();
    EXPECT_THROW(co_await first, plait::Cancelled);
    EXPECT_FALSE(second.done());
    pipe.put();
    co_await second;
  });
}

TEST_P(PollerTest, ACancelledScopeNeverBeginsAWait) {
  run([]() -> Task<> {
    Pipe pipe;
    pipe.put();
    auto waiting = plait::spawn(wait_readable(pipe.out.get()));
    waiting.cancel();
    EXPECT_THROW(co_await waiting, plait::Cancelled);
  });
}

TEST_P(PollerTest, NothingOfAWaitRemainsForTheNextOwnerOfTheNumber) {
  run([]() -> Task<> {
    for (bool cancel : {false, true}) {
      int number;
      {
        Pipe pipe;
        number = pipe.out.get();
        auto waiting = plait::spawn(wait_readable(number));
        co_await turns(5);
        if (cancel) {
          waiting.cancel();
          EXPECT_THROW(co_await waiting, plait::Cancelled);
        } else {
          pipe.put();
          co_await waiting;
        }
      }
      Pipe pipe;
      EXPECT_EQ(pipe.out.get(), number);
      auto waiting = plait::spawn(wait_readable(number));
      co_await turns(5);
      EXPECT_FALSE(waiting.done());
      pipe.put();
      co_await waiting;
    }
  });
}

// The user closed it without a word, and the number belongs to somebody else now: who waited for the old one is told.
TEST_P(PollerTest, AWaitForANumberThatWasClosedAndUsedAgainEnds) {
  run([]() -> Task<> {
    auto pipe = std::make_unique<Pipe>();
    const int number = pipe->out.get();
    auto stale = plait::spawn(wait_readable(number));
    co_await turns(5);
    pipe.reset();
    Pipe next;
    EXPECT_EQ(next.out.get(), number);
    auto waiting = plait::spawn(wait_readable(number));
    co_await turns(5);
    EXPECT_FALSE(waiting.done());
    next.put();
    co_await waiting;
    // epoll finds it out from the second wait; io_uring holds the old pipe, and its last writer has gone.
    const int code = co_await code_of(stale);
    EXPECT_TRUE(code == EBADF || code == 0) << code;
  });
}

// The file lives on behind another number, so the kernel goes on reporting it.
TEST_P(PollerTest, EventsOfAClosedNumbersFileMisleadNobody) {
  run([]() -> Task<> {
    Pipe old;
    const int number = old.out.get();
    auto stale = plait::spawn(wait_readable(number));
    co_await turns(5);
    Fd duplicate(::fcntl(number, F_DUPFD_CLOEXEC, 100));
    plait::notify_closing(number);
    EXPECT_EQ(co_await code_of(stale), EBADF);
    old.out.reset();
    Pipe next;
    EXPECT_EQ(next.out.get(), number);
    auto waiting = plait::spawn(wait_readable(number));
    co_await turns(5);
    old.put();
    co_await turns(20);
    EXPECT_FALSE(waiting.done());
    next.put();
    co_await waiting;
  });
}

TEST_P(PollerTest, NotifyClosingEndsTheWaitsForThatDescriptorOnly) {
  run([]() -> Task<> {
    Pipe one, other;
    auto ended = plait::spawn(wait_readable(one.out.get()));
    auto goes_on = plait::spawn(wait_readable(other.out.get()));
    co_await turns(5);
    plait::notify_closing(one.out.get());
    one.out.reset();
    EXPECT_EQ(co_await code_of(ended), EBADF);
    EXPECT_FALSE(goes_on.done());
    other.put();
    co_await goes_on;
  });
}

TEST_P(PollerTest, InFlightCountsWhatTheKernelOwes) {
  run([]() -> Task<> {
    Pipe pipe;
    EXPECT_EQ(in_flight(), 0u);
    std::vector<Future<void>> waiting;
    for (int i = 0; i < 3; ++i) waiting.push_back(plait::spawn(wait_readable(pipe.out.get())));
    co_await turns(5);
    EXPECT_EQ(in_flight(), 3u);
    waiting[1].cancel();
    EXPECT_THROW(co_await waiting[1], plait::Cancelled);
    EXPECT_EQ(in_flight(), 2u);
    plait::notify_closing(pipe.out.get());
    EXPECT_EQ(co_await code_of(waiting[0]), EBADF);
    EXPECT_EQ(co_await code_of(waiting[2]), EBADF);
    EXPECT_EQ(in_flight(), 0u);
  });
}

TEST_P(PollerTest, WaitingCostsNoProcessorTime) {
  run([]() -> Task<> {
    Pipe pipe;
    auto waiting = plait::spawn(wait_readable(pipe.out.get()));
    const std::clock_t begin = std::clock();
    co_await plait::sleep(200ms);
    EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC / 25);
    waiting.cancel();
  });
}

TEST_P(PollerTest, ManyWaitsAtOnceAllEnd) {
  run([]() -> Task<> {
    std::vector<Pipe> pipes(200);
    std::vector<Future<void>> waiting;
    for (Pipe& pipe : pipes) {
      for (int i = 0; i < 5; ++i) waiting.push_back(plait::spawn(wait_readable(pipe.out.get())));
    }
    co_await turns(3);
    for (std::size_t i = 0; i < waiting.size(); i += 2) waiting[i].cancel();
    for (Pipe& pipe : pipes) pipe.put();
    std::size_t cancelled = 0;
    for (Future<void>& f : waiting) {
      try {
        co_await f;
      } catch (const plait::Cancelled&) {
        ++cancelled;
      }
    }
    EXPECT_EQ(cancelled, 500u);
    EXPECT_EQ(in_flight(), 0u);
  });
}

TEST_P(PollerTest, APostFromAnotherThreadEndsTheSleep) {
  run([]() -> Task<> {
    Pipe pipe;
    auto waiting = plait::spawn(wait_readable(pipe.out.get()));
    plait::Promise<int> promise;
    Future<int> answer = promise.future();
    std::thread other([promise = std::move(promise)]() mutable {
      std::this_thread::sleep_for(10ms);
      promise.set_value(42);
    });
    EXPECT_EQ(co_await answer, 42);
    other.join();
    waiting.cancel();
  });
}

TEST_P(PollerTest, LoopsLeaveNoDescriptorBehind) {
  const auto once = [&] {
    run([]() -> Task<> {
      Pipe pipe;
      auto waiting = plait::spawn(wait_readable(pipe.out.get()));
      co_await turns(2);
    });
  };
  once();
  const std::size_t before = plait::test::open_descriptors();
  for (int i = 0; i < 50; ++i) once();
  EXPECT_EQ(plait::test::open_descriptors(), before);
}

TEST(PollerChoiceTest, AnUnknownNameIsRefused) {
  EXPECT_THROW(plait::run(wait_readable(0), {.poller = "select"}), std::invalid_argument);
}

}  // namespace
