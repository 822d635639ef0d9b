// SPDX-License-Identifier: BSL-1.0
#include "plait/process/remote_error.hpp"

#include <gtest/gtest.h>

#include <any>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include "plait/os/shared_memory.hpp"
#include "plait/process/code_place.hpp"
#include "plait/process/worker_died.hpp"
#include "plait/sync/barrier.hpp"
#include "plait/sync/broadcast.hpp"
#include "plait/sync/queue_waits.hpp"

namespace app {

/// Has a codec: keeps what it holds.
class ParseError : public std::runtime_error {
 public:
  ParseError(const std::string& file, int line) : std::runtime_error(file + " is wrong"), file_(file), line_(line) {}
  int line() const { return line_; }
  void encode(plait::Encoder& out) const {
    out.write(file_);
    out.write(line_);
  }
  static ParseError decode(plait::Decoder& in) {
    auto file = in.read<std::string>();
    return {file, in.read<int>()};
  }

 private:
  std::string file_;
  int line_;
};
/// Made from its text, to which it adds.
struct TextError : std::domain_error {
  explicit TextError(const std::string& text) : std::domain_error("text: " + text) {}
};
/// Made from nothing, and no std::exception.
struct Stop {};
struct Code {
  int code;
};
struct Final final : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Its codec fails.
struct Moody : std::out_of_range {
  using std::out_of_range::out_of_range;
  void encode(plait::Encoder&) const { throw std::bad_alloc(); }
  static Moody decode(plait::Decoder&) { return Moody(""); }
};
struct Unreadable : std::overflow_error {
  using std::overflow_error::overflow_error;
  void encode(plait::Encoder& out) const { out.write(1); }
  static Unreadable decode(plait::Decoder&) { throw plait::DecodeError("never"); }
};
struct Unregistered : std::length_error {
  using std::length_error::length_error;
};
struct Child : ParseError {
  using ParseError::ParseError;
};
struct Mixed : std::nested_exception, ParseError {
  using ParseError::ParseError;
};
enum class Fault { none, bad };
class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "app"; }
  std::string message(int) const override { return "an app's fault"; }
};
class OtherCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "other"; }
  std::string message(int value) const override { return "other fault " + std::to_string(value); }
};
const Category category;
const OtherCategory other_category;

PLAIT_EXCEPTION(ParseError);
PLAIT_EXCEPTION(TextError);
PLAIT_EXCEPTION(Stop);
PLAIT_EXCEPTION(Code);
PLAIT_EXCEPTION(Final);
PLAIT_EXCEPTION(Moody);
PLAIT_EXCEPTION(Unreadable);

}  // namespace app

namespace plait::detail {
namespace {

std::exception_ptr sent(const std::exception_ptr& error, std::string_view call = "the call") {
  Encoder out;
  write_error(out, error, call);
  Decoder in(out.bytes(), out.descriptors());
  std::exception_ptr got = read_error(in);
  EXPECT_EQ(in.left(), 0U);
  return got;
}
/// The E that arrives if that is thrown.
template <class E, class Thrown>
void arrives(const Thrown& thrown, const std::function<void(const E&)>& check = {}) {
  const std::exception_ptr got = sent(std::make_exception_ptr(thrown));
  try {
    std::rethrow_exception(got);
  } catch (const E& e) {
    if constexpr (std::derived_from<E, std::exception> && std::derived_from<Thrown, std::exception>) {
      EXPECT_STREQ(e.what(), thrown.what());
      if constexpr (!std::is_final_v<E>) {
        EXPECT_EQ(typeid(e), typeid(Remote<E>)) << typeid(e).name();
        ASSERT_NE(remote_info(e), nullptr);
        EXPECT_EQ(remote_info(e)->story().type, type_name(typeid(Thrown)));
      }
    }
    if (check) check(e);
  } catch (...) {
    ADD_FAILURE() << "arrives as " << describe(got);
  }
}
template <class... E>
void all_arrive_by_text() {
  (arrives<E>(E("the text")), ...);
}
template <class... E>
void all_arrive() {
  (arrives<E>(E()), ...);
}

TEST(RemoteErrorTest, StandardExceptionsKeepTheirTypeAndText) {
  all_arrive_by_text<std::logic_error, std::invalid_argument, std::domain_error, std::length_error, std::out_of_range,
                     std::runtime_error, std::range_error, std::overflow_error, std::underflow_error>();
  all_arrive<std::exception, std::bad_alloc, std::bad_array_new_length, std::bad_cast, std::bad_any_cast,
             std::bad_typeid, std::bad_exception, std::bad_function_call, std::bad_weak_ptr, std::bad_optional_access,
             std::bad_variant_access>();
}

TEST(RemoteErrorTest, CodesCross) {
  const auto code = std::make_error_code(std::errc::no_such_file_or_directory);
  for (const char* text : {"open", "open: twice", ""}) {
    arrives<std::system_error>(std::system_error(code, text), [&](const auto& e) { EXPECT_EQ(e.code(), code); });
    arrives<std::ios_base::failure>(std::ios_base::failure(text), [](const auto& e) {
      EXPECT_EQ(e.code(), std::make_error_code(std::io_errc::stream));
    });
  }
  using std::filesystem::filesystem_error;
  arrives<filesystem_error>(filesystem_error("copy", "/a", "/b", code), [&](const filesystem_error& e) {
    EXPECT_EQ(e.code(), code);
    EXPECT_EQ(e.path1(), "/a");
    EXPECT_EQ(e.path2(), "/b");
    // A copy is cut down to the class, which makes the same text.
    EXPECT_STREQ(filesystem_error(e).what(), e.what());
  });
  arrives<std::system_error>(std::system_error(code, "open"),
                             [](const std::system_error& e) { EXPECT_STREQ(std::system_error(e).what(), e.what()); });
  arrives<std::future_error>(std::future_error(std::future_errc::no_state),
                             [](const auto& e) { EXPECT_EQ(e.code(), std::future_errc::no_state); });
  arrives<std::regex_error>(std::regex_error(std::regex_constants::error_brack),
                            [](const auto& e) { EXPECT_EQ(e.code(), std::regex_constants::error_brack); });
}

TEST(RemoteErrorTest, CategoriesOfOnesOwnAreRegistered) {
  register_error_category(app::category);
  arrives<std::system_error>(std::system_error(3, app::category, "x"),
                             [](const auto& e) { EXPECT_EQ(e.code(), std::error_code(3, app::category)); });
  arrives<std::system_error>(std::system_error(3, app::other_category, "x"), [](const auto& e) {
    EXPECT_EQ(e.code().value(), 3);
    EXPECT_STREQ(e.code().category().name(), "other");
    EXPECT_EQ(e.code().message(), "other fault 3");
  });
}

TEST(RemoteErrorTest, PlaitsExceptionsKeepTheirType) {
  arrives<TimeoutError>(TimeoutError("too late"));
  arrives<BrokenBarrierError>(BrokenBarrierError());
  arrives<QueueShutDown>(QueueShutDown());
  arrives<BroadcastLagged>(BroadcastLagged(7), [](const auto& e) { EXPECT_EQ(e.missed(), 7U); });
  arrives<UnknownCall>(UnknownCall("what?"));
  arrives<BrokenProcessPool>(BrokenProcessPool("broken"));
  arrives<WorkerDied>(WorkerDied(12, -9, "fib(int)"), [](const WorkerDied& e) {
    EXPECT_EQ(e.pid(), 12);
    EXPECT_EQ(e.signal(), 9);
    EXPECT_EQ(e.call(), "fib(int)");
    EXPECT_STREQ(e.what(), "worker process 12 was killed by signal 9 (SIGKILL) while it ran fib(int)");
  });
  EXPECT_TRUE(is_cancelled(sent(std::make_exception_ptr(Cancelled()))));
  arrives<KeyboardInterrupt>(KeyboardInterrupt());
}

TEST(RemoteErrorTest, AGroupCrossesWithAllThatIsInIt) {
  const ExceptionGroup inner("inner", {std::make_exception_ptr(app::ParseError("f", 3))});
  const ExceptionGroup group("outer",
                             {std::make_exception_ptr(std::out_of_range("a")), std::make_exception_ptr(inner)});
  const std::exception_ptr got = sent(std::make_exception_ptr(group));
  try {
    std::rethrow_exception(got);
  } catch (const ExceptionGroup& e) {
    EXPECT_EQ(e.message(), "outer");
    ASSERT_EQ(e.size(), 2U);
    EXPECT_NE(std::string(e.what()).find("std::out_of_range: a (in process "), std::string::npos) << e.what();
    EXPECT_EQ(e.split<app::ParseError>().first->size(), 1U);
  }
}

TEST(RemoteErrorTest, RegisteredExceptionsKeepWhatTheyHold) {
  arrives<app::ParseError>(app::ParseError("f", 3), [](const auto& e) { EXPECT_EQ(e.line(), 3); });
  arrives<app::TextError>(app::TextError("t"));
  arrives<app::Final>(app::Final("f"));
  arrives<app::Stop>(app::Stop());
  arrives<app::Code>(app::Code{4}, [](const app::Code& e) { EXPECT_EQ(e.code, 4); });
}

TEST(RemoteErrorTest, OthersArriveAsTheNearestBaseThatIs) {
  arrives<std::length_error>(app::Unregistered("long"));
  arrives<app::ParseError>(app::Child("f", 5), [](const auto& e) { EXPECT_EQ(e.line(), 5); });
  arrives<app::ParseError>(app::Mixed("f", 5));
  for (const std::exception_ptr& odd : {std::make_exception_ptr(42), std::make_exception_ptr("text")}) {
    try {
      std::rethrow_exception(sent(odd));
    } catch (const std::runtime_error& e) {
      EXPECT_NE(std::string(e.what()).find(", which is no std::exception"), std::string::npos) << e.what();
      EXPECT_FALSE(remote_info(e)->story().type.empty());
    }
  }
}

TEST(RemoteErrorTest, WhatFailsToCrossArrivesAsABase) {
  arrives<std::out_of_range>(app::Moody("moody"));
  arrives<std::overflow_error>(app::Unreadable("unreadable"));
}

TEST(RemoteErrorTest, NestedExceptionsArriveNested) {
  std::exception_ptr thrown;
  try {
    try {
      try {
        throw 42;
      } catch (...) {
        std::throw_with_nested(app::ParseError("f", 3));
      }
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outer"));
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  try {
    std::rethrow_exception(sent(thrown));
  } catch (const std::runtime_error& outer) {
    EXPECT_STREQ(outer.what(), "outer");
    EXPECT_EQ(remote_info(outer)->story().type, "std::runtime_error");
    try {
      std::rethrow_if_nested(outer);
      FAIL();
    } catch (const app::ParseError& inner) {
      EXPECT_EQ(inner.line(), 3);
      EXPECT_THROW(std::rethrow_if_nested(inner), std::runtime_error);
    }
  }
}

TEST(RemoteErrorTest, TellsWhereItArose) {
  name_this_process("worker-1");
  const std::exception_ptr got = sent(std::make_exception_ptr(app::ParseError("f", 3)), "parse(int)");
  name_this_process("");
  const RemoteInfo* const info = remote_info(got);
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->story().pid, os::process_id());
  EXPECT_EQ(info->story().process, "worker-1");
  EXPECT_EQ(info->story().call, "parse(int)");
  EXPECT_EQ(info->story().what, "f is wrong");
  EXPECT_EQ(describe(got), "app::ParseError: f is wrong (in process " + std::to_string(os::process_id()) +
                               " \"worker-1\", in parse(int))");
  EXPECT_EQ(remote_info(std::make_exception_ptr(1)), nullptr);
  EXPECT_EQ(remote_info(std::runtime_error("here")), nullptr);
}

TEST(RemoteErrorTest, TheFirstStoryIsKeptOnTheWayThroughOthers) {
  const std::exception_ptr once = sent(std::make_exception_ptr(app::ParseError("f", 3)), "first");
  const std::exception_ptr twice = sent(once, "second");
  EXPECT_EQ(remote_info(twice)->story().call, "first");
  EXPECT_EQ(remote_info(twice)->story().type, "app::ParseError");
  EXPECT_THROW(std::rethrow_exception(twice), app::ParseError);
}

TEST(RemoteErrorTest, NoDamagedErrorDoesHarm) {
  std::exception_ptr thrown;
  try {
    try {
      throw std::filesystem::filesystem_error("x", "/a", std::make_error_code(std::errc::io_error));
    } catch (...) {
      std::throw_with_nested(ExceptionGroup("g", {std::make_exception_ptr(app::ParseError("f", 3))}));
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  Encoder out;
  write_error(out, thrown, "call");
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::vector<std::byte> bad(out.bytes().begin(), out.bytes().end());
      bad[i] ^= std::byte(flip);
      try {
        Decoder in(bad);
        EXPECT_NE(read_error(in), nullptr);
      } catch (const DecodeError&) {
      }
      bad.resize(i);
      Decoder in(bad);
      EXPECT_THROW(read_error(in), DecodeError);
    }
  }
}

}  // namespace
}  // namespace plait::detail
