// SPDX-License-Identifier: BSL-1.0
#include "plait/process/process_class.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "plait/plait.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

/// _test_multiprocessing: _UpperCaser and test_subclassing.
class UpperCaser : public ProcessClass<UpperCaser> {
 public:
  UpperCaser() = default;
  UpperCaser(ProcessOptions options, std::vector<std::string> words, shared::Queue<std::string> out)
      : ProcessClass(options), words_(std::move(words)), out_(std::move(out)) {}

  void run() {
    kept_here_ = 0;
    for (std::string& word : words_) {
      for (char& c : word) c = static_cast<char>(c - 'a' + 'A');
      sync_wait(out_->put(word));
    }
    sync_wait(out_->put(name()));
    sync_wait(out_->put(std::to_string(pid())));
    try {
      start();
    } catch (const std::logic_error& error) {
      sync_wait(out_->put(error.what()));
    }
    try {
      join();
    } catch (const std::logic_error& error) {
      sync_wait(out_->put(error.what()));
    }
  }
  auto members() { return std::tie(words_, out_); }

  int kept_here() const { return kept_here_; }
  void add(std::string word) { words_.push_back(std::move(word)); }

 private:
  std::vector<std::string> words_;
  std::optional<shared::Queue<std::string>> out_;
  int kept_here_ = 7;
};

TEST(ProcessClass, RunsItsObjectInAProcess) {
  shared::Queue<std::string> out(16);
  UpperCaser process({.name = "upper"}, {"some"}, out);
  process.add("more");  // what counts is how it is at the start
  EXPECT_EQ(process.name(), "upper");
  Process& as_base = process;
  as_base.start();
  const auto get = [&] { return sync_wait(out.get()); };
  EXPECT_EQ(get(), "SOME");
  EXPECT_EQ(get(), "MORE");
  EXPECT_EQ(get(), "upper");
  EXPECT_EQ(get(), std::to_string(process.pid()));
  EXPECT_NE(get().find("\"upper\" is this process"), std::string::npos);
  EXPECT_NE(get().find("can't wait for its own end"), std::string::npos);
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(process.kept_here(), 7);
  EXPECT_THROW(process.start(), std::logic_error);
}

class Fails : public ProcessClass<Fails> {
 public:
  Fails() : ProcessClass({.name = "fails", .start = Start::spawn}) {}
  void run() { throw std::out_of_range("far too far"); }
  auto members() { return std::tie(); }
};

TEST(ProcessClass, ItsErrorComesToWhoAwaitsIt) {
  run([]() -> Task<> {
    Fails process;
    process.start();
    std::string what;
    try {
      co_await process;
    } catch (const std::out_of_range& error) {
      what = error.what();
    }
    EXPECT_EQ(what, "far too far");
    EXPECT_EQ(process.exitcode(), 1);
  });
}

class Waits : public ProcessClass<Waits> {
 public:
  Waits() = default;
  void run() { sync_wait(sleep(1000h)); }
  auto members() { return std::tie(); }
};

TEST(ProcessClass, MovesAndEnds) {
  std::vector<Waits> all(3);
  for (Waits& each : all) each.start();
  for (Waits& each : all) each.terminate();
  for (Waits& each : all) {
    each.join();
    EXPECT_EQ(each.exitcode(), -15);
  }
  Waits unbegun;
  Process sliced = std::move(unbegun);
  EXPECT_THROW(sliced.start(), std::logic_error);
}

}  // namespace
}  // namespace plait
