// SPDX-License-Identifier: BSL-1.0
//
// Selector: what Python's test_selectors asks of selectors.DefaultSelector, and what threads ask besides.
#include "plait/io/selector.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/descriptors.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

/// Two connected sockets, of which the first is read.
struct Ends {
  Ends() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0); }
  ~Ends() {
    close_read();
    close_write();
  }
  Ends(const Ends&) = delete;
  int read() const { return fds[0]; }
  int write() const { return fds[1]; }
  void close_read() { close(fds[0]); }
  void close_write() { close(fds[1]); }
  void put() const { EXPECT_EQ(::write(fds[1], "x", 1), 1); }
  void get() const {
    char byte;
    EXPECT_EQ(::read(fds[0], &byte, 1), 1);
  }

 private:
  static void close(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int fds[2];
};

using Keys = std::vector<SelectorKey>;

TEST(SelectorTest, FindsWhatIsReady) {
  Ends a, b;
  Selector selector;
  selector.add(a.read(), Readable, 1);
  selector.add(b.read(), Readable | Writable, 2);
  EXPECT_EQ(selector.select(0s), (Keys{{b.read(), Writable, 2}}));
  b.put();
  EXPECT_EQ(selector.select(0s), (Keys{{b.read(), Readable | Writable, 2}}));
  selector.modify(b.read(), Readable, 3);
  EXPECT_EQ(selector.select(0s), (Keys{{b.read(), Readable, 3}}));
  b.get();
  EXPECT_EQ(selector.select(0s), Keys{});
  a.put();
  EXPECT_EQ(selector.select(1h), (Keys{{a.read(), Readable, 1}}));
  // It takes nothing.
  EXPECT_EQ(selector.select(), (Keys{{a.read(), Readable, 1}}));
}

TEST(SelectorTest, TheEndAndAnErrorMakeReady) {
  Ends a, b;
  Selector selector;
  selector.add(a.read(), Readable);
  selector.add(b.read(), Writable);
  EXPECT_EQ(selector.select(0s), (Keys{{b.read(), Writable, 0}}));
  a.close_write();
  EXPECT_EQ(selector.select(0s).size(), 2u);
  b.close_write();
  for (const SelectorKey& key : selector.select(0s)) {
    EXPECT_EQ(key.events, key.fd == a.read() ? Readable : Writable);
  }
}

TEST(SelectorTest, KnowsWhatIsInIt) {
  Ends a, b;
  Selector selector;
  EXPECT_EQ(selector.size(), 0u);
  selector.add(a.read(), Readable, 7);
  selector.add(b.read(), Writable);
  EXPECT_EQ(selector.get_key(a.read()), (SelectorKey{a.read(), Readable, 7}));
  EXPECT_EQ(selector.find(b.read()), (SelectorKey{b.read(), Writable, 0}));
  EXPECT_EQ(selector.find(b.write()), std::nullopt);
  EXPECT_EQ(selector.get_map(), (Keys{{a.read(), Readable, 7}, {b.read(), Writable, 0}}));
  EXPECT_EQ(selector.remove(a.read()), (SelectorKey{a.read(), Readable, 7}));
  EXPECT_EQ(selector.size(), 1u);
}

TEST(SelectorTest, WhatIsNotInItIsAnError) {
  Ends a;
  Selector selector;
  EXPECT_THROW(selector.remove(a.read()), std::out_of_range);
  EXPECT_THROW(selector.modify(a.read(), Readable), std::out_of_range);
  EXPECT_THROW((void)selector.get_key(a.read()), std::out_of_range);
  selector.add(a.read(), Readable);
  try {
    selector.add(a.read(), Writable);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()),
              "plait: Selector::add(): descriptor " + std::to_string(a.read()) + " is in the Selector already");
  }
  EXPECT_EQ(selector.get_key(a.read()).events, Readable);
  selector.remove(a.read());
  EXPECT_THROW(selector.remove(a.read()), std::out_of_range);
  selector.add(a.read(), Readable);
}

TEST(SelectorTest, NoEventsAndNoDescriptorsAreRefused) {
  Ends a;
  Selector selector;
  EXPECT_THROW(selector.add(a.read(), SelectorEvents{}), std::invalid_argument);
  EXPECT_THROW(selector.add(a.read(), static_cast<SelectorEvents>(4)), std::invalid_argument);
  EXPECT_THROW(selector.add(-1, Readable), std::system_error);
  const int closed = ::dup(0);
  ::close(closed);
  EXPECT_THROW(selector.add(closed, Readable), std::system_error);
  EXPECT_EQ(selector.size(), 0u);
}

TEST(SelectorTest, RemovesWhatWasClosedBefore) {
  Ends a;
  Selector selector;
  const int fd = a.read();
  selector.add(fd, Readable);
  a.close_read();
  EXPECT_EQ(selector.select(0s), Keys{});
  selector.remove(fd);
  EXPECT_EQ(selector.size(), 0u);
}

TEST(SelectorTest, RemovesWhatWasClosedAndIsAnotherFileByNow) {
  Ends a, b;
  Selector selector;
  const int fd = a.read();
  selector.add(fd, Readable);
  ASSERT_EQ(::dup2(b.read(), fd), fd);
  b.put();
  EXPECT_EQ(selector.select(0s), Keys{});
  EXPECT_THROW(selector.modify(fd, Writable), std::system_error);
  EXPECT_EQ(selector.size(), 0u);
  selector.add(fd, Readable, 9);
  EXPECT_EQ(selector.select(0s), (Keys{{fd, Readable, 9}}));
}

// The file lives on under another number, and epoll(7) goes on reporting it.
TEST(SelectorTest, AClosedDescriptorOfALivingFileKeepsNobodyAwake) {
  Ends a, b;
  Selector selector;
  const int fd = a.read();
  const int copy = ::dup(fd);
  selector.add(fd, Readable, 1);
  a.put();
  ASSERT_EQ(::dup2(b.read(), fd), fd);
  selector.remove(fd);
  selector.add(fd, Readable, 2);
  EXPECT_EQ(selector.select(0s), Keys{});
  const std::clock_t begin = std::clock();
  EXPECT_EQ(selector.select(100ms), Keys{});
  EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC / 20);
  b.put();
  EXPECT_EQ(selector.select(1h), (Keys{{fd, Readable, 2}}));
  ::close(copy);
}

TEST(SelectorTest, AFileIsAlwaysReady) {
  Ends a;
  const int file = ::open("/proc/self/exe", O_RDONLY);
  Selector selector;
  selector.add(file, Readable, 1);
  selector.add(a.read(), Readable, 2);
  EXPECT_EQ(selector.select(), (Keys{{file, Readable, 1}}));
  a.put();
  EXPECT_EQ(selector.select().size(), 2u);
  selector.modify(file, Readable | Writable, 3);
  EXPECT_EQ(selector.get_key(file).key, 3u);
  selector.remove(file);
  EXPECT_EQ(selector.select(), (Keys{{a.read(), Readable, 2}}));
  ::close(file);
}

TEST(SelectorTest, ManyMoreThanOneCallGivesAreAllFound) {
  std::vector<Ends> ends(400);
  Selector selector;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    selector.add(ends[i].read(), Readable, i);
    ends[i].put();
  }
  std::vector<bool> seen(ends.size());
  for (std::size_t found = 0; found < ends.size();) {
    for (const SelectorKey& key : selector.select()) {
      EXPECT_FALSE(seen[key.key]);
      seen[key.key] = true;
      ends[key.key].get();
      ++found;
    }
  }
  EXPECT_EQ(selector.select(0s), Keys{});
}

TEST(SelectorTest, InRealTimeATimeoutEndsAWaitForNothing) {
  Selector selector;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(selector.select(20ms), Keys{});
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
  EXPECT_EQ(selector.select(-1s), Keys{});
}

TEST(SelectorTest, ASignalDoesNotEndAWait) {
  struct sigaction before, handler{};
  handler.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &handler, &before);
  Ends a;
  Selector selector;
  selector.add(a.read(), Readable);
  const pthread_t self = ::pthread_self();
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) {
      ::pthread_kill(self, SIGUSR1);
      std::this_thread::yield();
    }
    a.put();
  });
  EXPECT_EQ(selector.select(), (Keys{{a.read(), Readable, 0}}));
  other.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(SelectorTest, AnotherThreadMayAddAndCloseWhileOneSelects) {
  Ends a;
  a.put();
  Selector selector;
  std::thread adder([&] { selector.add(a.read(), Readable, 5); });
  EXPECT_EQ(selector.select(), (Keys{{a.read(), Readable, 5}}));
  adder.join();
  selector.remove(a.read());
  const int file = ::open("/proc/self/exe", O_RDONLY);
  std::thread file_adder([&] { selector.add(file, Readable, 6); });
  EXPECT_EQ(selector.select(), (Keys{{file, Readable, 6}}));
  file_adder.join();
  selector.remove(file);
  ::close(file);
  std::thread closer([&] { selector.close(); });
  EXPECT_THROW(selector.select(), std::logic_error);
  closer.join();
}

TEST(SelectorTest, OneThreadSelectsAtATime) {
  Ends a;
  Selector selector;
  selector.add(a.read(), Readable);
  std::atomic<int> refused = 0;
  const auto select = [&] {
    try {
      selector.select();
    } catch (const std::logic_error&) {
      ++refused;
      a.put();
    }
  };
  std::thread first(select), second(select);
  first.join();
  second.join();
  EXPECT_EQ(refused, 1);
}

TEST(SelectorTest, ACloseLeavesNothing) {
  const std::size_t before = test::open_descriptors();
  {
    Ends a;
    Selector selector;
    selector.add(a.read(), Readable);
    selector.close();
    selector.close();
    EXPECT_THROW(selector.add(a.read(), Readable), std::logic_error);
    EXPECT_THROW(selector.remove(a.read()), std::logic_error);
    EXPECT_THROW((void)selector.get_map(), std::logic_error);
    EXPECT_THROW(selector.select(0s), std::logic_error);
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(SelectorTest, ItMustNotBlockALoop) {
  run([]() -> Task<> {
    Selector selector;
    try {
      selector.select(0s);
      ADD_FAILURE();
    } catch (const std::logic_error& error) {
      EXPECT_NE(std::string(error.what()).find("co_await readable(fd)"), std::string::npos) << error.what();
    }
    co_return;
  });
}

TEST(SelectorTest, ACancelledThreadStopsSelecting) {
  Ends a;
  Selector selector;
  selector.add(a.read(), Readable);
  for (int i = 0; i < 50; ++i) {
    std::atomic<bool> began = false;
    auto thread = spawn_thread([&] {
      began = true;
      selector.select();
    });
    while (!began) std::this_thread::yield();
    if (i % 2 == 0) std::this_thread::sleep_for(200us);
    thread.cancel();
    EXPECT_THROW(thread.result(), Cancelled);
  }
  EXPECT_EQ(selector.select(0s), Keys{});
}

}  // namespace
}  // namespace plait
