// SPDX-License-Identifier: BSL-1.0
#include "plait/os/socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace {

using plait::os::SocketAddress;

std::string text_of(const char* figures) {
  const auto address = SocketAddress::from_figures(figures, 80);
  return address ? address->text() : "none";
}

TEST(SocketAddressTest, FiguresGoInAndOut) {
  EXPECT_EQ(text_of("127.0.0.1"), "127.0.0.1:80");
  EXPECT_EQ(text_of("::1"), "[::1]:80");
  EXPECT_EQ(text_of("2001:db8::7"), "[2001:db8::7]:80");
  EXPECT_EQ(SocketAddress::any(false, 9).text(), "0.0.0.0:9");
  EXPECT_EQ(SocketAddress::any(true, 9).text(), "[::]:9");
}

TEST(SocketAddressTest, NamesAndNonsenseAreNoFigures) {
  EXPECT_EQ(text_of(""), "none");
  EXPECT_EQ(text_of("localhost"), "none");
  EXPECT_EQ(text_of("1.2.3.4.5"), "none");
  EXPECT_EQ(text_of(std::string(500, '1').c_str()), "none");
}

TEST(SocketAddressTest, AnEmptyAddressHasNeitherFamilyNorPort) {
  const SocketAddress none;
  EXPECT_EQ(none.family(), AF_UNSPEC);
  EXPECT_EQ(none.port(), 0);
  EXPECT_EQ(none.text(), "?");
}

TEST(SocketTest, ErrorsAreNegativeErrnoValues) {
  char byte = 0;
  EXPECT_EQ(plait::os::receive(-1, &byte, 1), -EBADF);
  EXPECT_EQ(plait::os::send(-1, &byte, 1), -EBADF);
  SocketAddress peer;
  EXPECT_EQ(plait::os::accept(-1, peer), -EBADF);
  EXPECT_EQ(plait::os::connect(-1, *SocketAddress::from_figures("127.0.0.1", 1)), -EBADF);
  EXPECT_EQ(plait::os::shutdown_write(-1), -EBADF);
}

TEST(SocketTest, WhatListensHasAPort) {
  const plait::os::Fd fd = plait::os::listen_on(*SocketAddress::from_figures("127.0.0.1", 0), 1);
  EXPECT_NE(plait::os::local_address(fd.get()).port(), 0);
}

TEST(ResolveTest, ANameThatIsNoneIsAnErrorOfTheResolver) {
  try {
    plait::os::resolve("no such name", "80");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.code().category().name(), "getaddrinfo");
    EXPECT_NE(std::string(error.what()).find("resolve \"no such name\""), std::string::npos) << error.what();
  }
}

}  // namespace
