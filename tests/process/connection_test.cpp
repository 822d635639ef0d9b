// SPDX-License-Identifier: BSL-1.0
#include "plait/process/connection.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/process/shared_queue.hpp"
#include "plait/process/shared_value.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::Forked;
using test::turns;

TEST(Connection, CarriesMessagesBothWays_InOrder) {
  PLAIT_TEST_NEEDS_FORK();
  auto [here, there] = shared::pipe<std::string>();
  Forked echo([&, end = std::make_shared<shared::Connection<std::string>>(std::move(there))] {
    here.close();
    for (int i = 0; i < 3; ++i) sync_wait(end->send(sync_wait(end->recv()) + "!"));
  });
  run([&]() -> Task<> {
    co_await here.send("a");
    co_await here.send("b");
    co_await here.send(std::string(3'000'000, 'c'));
    EXPECT_EQ(co_await here.recv(), "a!");
    EXPECT_EQ(co_await here.recv(), "b!");
    EXPECT_EQ((co_await here.recv()).size(), 3'000'001u);
  });
  EXPECT_TRUE(echo.ends_well());
  EXPECT_THROW(sync_wait(here.recv()), shared::EndOfStream);
}

TEST(Connection, SeesTheEndOfTheOther_AfterAllThatItSent) {
  auto [here, there] = shared::pipe<int>();
  sync_wait(there.send(1));
  sync_wait(here.send(7));  // is never read
  EXPECT_TRUE(here.poll());
  there.close();
  EXPECT_FALSE(there.is_open());
  EXPECT_EQ(sync_wait(here.recv()), 1);
  EXPECT_TRUE(here.poll());
  EXPECT_THROW(sync_wait(here.recv()), shared::EndOfStream);
  EXPECT_THROW(sync_wait(here.send(2)), std::system_error);
  EXPECT_THROW(sync_wait(there.recv()), std::logic_error);
}

TEST(Connection, SeesTheDeathOfTheOtherAtOnce) {
  PLAIT_TEST_NEEDS_FORK();
  auto [here, there] = shared::pipe<int>();
  Forked child([&, end = std::make_shared<shared::Connection<int>>(std::move(there))] {
    here.close();
    sync_wait(end->send(1));
    Forked::wait_for_ever();
  });
  run([&]() -> Task<> {
    EXPECT_EQ(co_await here.recv(), 1);
    Future<int> next = spawn([&]() -> Task<int> { co_return co_await here.recv(); });
    co_await turns(2);
    child.kill();
    EXPECT_THROW(co_await next, shared::EndOfStream);
  });
}

TEST(Connection, SendsOnlyWhatTheOtherMakesRoomFor_AndLosesNothingWhenCancelled) {
  auto [here, there] = shared::pipe<std::vector<int>>();
  run([&]() -> Task<> {
    int sent = 0;
    for (bool full = false; !full;) {
      try {
        co_await timeout(20ms, here.send(std::vector<int>(4000, sent)));
        ++sent;
      } catch (const TimeoutError&) {
        full = true;
      }
    }
    EXPECT_GT(sent, 2);
    for (int i = 0; i < sent; ++i) EXPECT_EQ(co_await there.recv(), std::vector<int>(4000, i));
    EXPECT_FALSE(there.poll());
    EXPECT_FALSE(there.try_recv());
    EXPECT_THROW(co_await timeout(1ms, there.recv()), TimeoutError);
  });
}

TEST(Connection, LosesNothing_WhereverATaskIsCancelled) {
  auto [here, there] = shared::pipe<int>();
  int got = 0, sent = 0;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        got = sent = 0;
        Future<void> sends = spawn([&]() -> Task<> {
          for (int i = 0; i < 3; ++i) {
            co_await here.send(i);
            sent = i + 1;
            co_await turns(1);
          }
        });
        for (int i = 0; i < 3; ++i) {
          EXPECT_EQ(co_await there.recv(), i);
          got = i + 1;
        }
        co_await sends;
      },
      [&](const testing::CancelPoint&) {
        while (auto message = there.try_recv()) EXPECT_EQ(*message, got++);
        EXPECT_EQ(got, sent);
      });
  EXPECT_GT(runs, 8);
}

TEST(Connection, CarriesSharedObjectsAndOtherEnds) {
  auto [here, there] = shared::pipe<shared::Value<int>>();
  shared::Value<int> value(5);
  sync_wait(here.send(value));
  shared::Value<int> same = sync_wait(there.recv());
  EXPECT_EQ(&*same, &*value);

  auto [outer, inner] = shared::pipe<shared::Connection<int>>();
  auto [a, b] = shared::pipe<int>();
  sync_wait(outer.send(std::move(b)));
  EXPECT_FALSE(b.is_open());
  {
    shared::Connection<int> moved = sync_wait(inner.recv());
    sync_wait(moved.send(9));
    EXPECT_EQ(sync_wait(a.recv()), 9);
  }
  EXPECT_THROW(sync_wait(a.recv()), shared::EndOfStream);
  // An end that is on its way when its carrier dies is closed as well.
  auto [c, d] = shared::pipe<int>();
  sync_wait(outer.send(std::move(d)));
  inner.close();
  EXPECT_THROW(sync_wait(c.recv()), shared::EndOfStream);
}

TEST(Connection, LeavesNoDescriptorsBehind) {
  const auto use = [] {
    auto [here, there] = shared::pipe<std::string>();
    sync_wait(here.send(std::string(1'000'000, 'x')));
    EXPECT_EQ(sync_wait(there.recv()).size(), 1'000'000u);
    sync_wait(here.send(std::string(1'000'000, 'x')));  // not received
  };
  use();  // what is made once, and kept: the family, this thread's loop
  const auto before = test::open_descriptors();
  use();
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
}  // namespace plait
