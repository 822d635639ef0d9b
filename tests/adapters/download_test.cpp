// SPDX-License-Identifier: BSL-1.0
//
// The example examples/apps/download against nginx, and against servers that break off. Time is real.
#include "download.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "adapters/nginx.hpp"

namespace {

using download::Outcome;
using plait::Task;
using plait::test::Nginx;
using plait::test::text_of;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
namespace sp = plait::subprocess;

class Download : public plait::test::WithNginx {
 protected:
  std::vector<Outcome> fetch(std::vector<std::string> urls) {
    return plait::run(download::all(std::move(urls), settings()));
  }
  download::Settings settings() const {
    return {.folder = folder.path(), .at_once = 3, .retries = 2, .stall = 200ms, .pause = 1ms};
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& each : fs::directory_iterator(folder.path())) names.push_back(each.path().filename());
    std::ranges::sort(names);
    return names;
  }

  plait::test::TemporaryFolder folder;
};

using Names = std::vector<std::string>;

TEST_F(Download, FetchesFilesSideBySide) {
  const auto outcomes = fetch({server->url("/small"), server->url("/large?x=/y"), server->url("/arg?n=5"),
                               server->url("/small#again"), server->url("/missing")});
  EXPECT_EQ(files(), (Names{"arg", "large", "small", "small.1"}));
  EXPECT_EQ(text_of(folder / "small.1"), "Hello, world!");
  EXPECT_EQ(text_of(folder / "large"), Nginx::large());
  EXPECT_EQ(outcomes[1].bytes, static_cast<std::int64_t>(Nginx::kLarge));
  EXPECT_EQ(outcomes[1].error, "");
  EXPECT_EQ(outcomes[4].error, "the server answered 404");
}

TEST_F(Download, NamesAFileByTheLastPartOfItsUrl) {
  EXPECT_EQ(download::name_of("http://host/a/b.txt?c=d/e#f"), "b.txt");
  EXPECT_EQ(download::name_of("http://host"), "index.html");
  EXPECT_EQ(download::name_of("http://host/"), "index.html");
  EXPECT_EQ(download::name_of("http://host/a/.."), "index.html");
}

TEST_F(Download, GoesOnWhereCtrlCStoppedIt) {
  plait::run([&]() -> Task<> {
    sp::Child child = co_await sp::spawn({PLAIT_PROGRAM, "-d", folder.path(), server->url("/slow/large")});
    while (!fs::exists(folder / "large.part") || fs::file_size(folder / "large.part") == 0) co_await plait::sleep(2ms);
    child.send_signal(SIGINT);
    EXPECT_EQ(co_await child.wait(), -SIGINT);
  });
  EXPECT_EQ(files(), (Names{"large.part", "large.part.etag"}));
  const auto before = fs::file_size(folder / "large.part");
  EXPECT_GT(before, 0U);
  EXPECT_LT(before, Nginx::kLarge);
  // A mark in what is there already, to see that it was not fetched again.
  std::fstream(folder / "large.part") << "mark";
  fetch({server->url("/large")});
  EXPECT_EQ(files(), Names{"large"});
  EXPECT_EQ(text_of(folder / "large"), "mark" + Nginx::large().substr(4));
}

TEST_F(Download, BeginsAgainIfTheFileIsAnotherMeanwhile) {
  std::ofstream(folder / "large.part") << "of another version";
  std::ofstream(folder / "large.part.etag") << "\"another\"\n";
  fetch({server->url("/large")});
  EXPECT_EQ(files(), Names{"large"});
  EXPECT_EQ(text_of(folder / "large"), Nginx::large());
}

TEST_F(Download, ReplacesAPartThatIsLongerThanTheFile) {
  fetch({server->url("/small")});
  curl::Client client;
  const curl::Response small = plait::run(client.fetch(server->url("/small")));
  std::ofstream(folder / "small.part") << "longer than the file is";
  std::ofstream(folder / "small.part.etag") << *small.header("etag") << '\n';
  fetch({server->url("/small")});
  EXPECT_EQ(files(), Names{"small"});
  EXPECT_EQ(text_of(folder / "small"), "Hello, world!");
}

TEST_F(Download, TriesAgainWhenTheServerBreaksOffOrFallsSilent) {
  std::vector<std::string> requests;
  const auto outcomes = plait::run([&]() -> Task<std::vector<Outcome>> {
    plait::Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    const auto serve = [&]() -> Task<> {
      std::vector<plait::Stream> kept;
      for (const char* answer : {"HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 9\r\n\r\nabc",
                                 "HTTP/1.1 206 Rest\r\nETag: \"1\"\r\nContent-Length: 6\r\n\r\ndef",
                                 "HTTP/1.1 206 Rest\r\nETag: \"1\"\r\nContent-Length: 3\r\n\r\nghi"}) {
        plait::Stream stream = co_await listener.accept();
        char buffer[4096];
        std::string& request = requests.emplace_back();
        while (request.find("\r\n\r\n") == std::string::npos) {
          request.append(buffer, co_await stream.read_some(buffer));
        }
        co_await stream.write(answer);
        // The first is closed in the middle; the second stays, and is silent.
        if (requests.size() > 1) kept.push_back(std::move(stream));
      }
      co_await plait::sleep(10s);
    };
    plait::Future<void> serving = plait::spawn(serve);
    const std::vector<std::string> urls(1, "http://127.0.0.1:" + std::to_string(listener.port()) + "/file");
    auto all = co_await download::all(urls, settings());
    serving.cancel();
    co_await plait::wait(serving);
    co_return all;
  });
  EXPECT_EQ(outcomes[0].error, "");
  EXPECT_EQ(text_of(folder / "file"), "abcdefghi");
  EXPECT_EQ(requests[0].find("Range"), std::string::npos);
  EXPECT_NE(requests[1].find("Range: bytes=3-\r\nIf-Range: \"1\"\r\n"), std::string::npos);
  EXPECT_NE(requests[2].find("Range: bytes=6-\r\n"), std::string::npos);
}

TEST_F(Download, GivesUpAfterSoManyTries) {
  const auto outcomes = fetch({"http://127.0.0.1:" + std::to_string(plait::test::free_port()) + "/x", "ftp://host/y"});
  EXPECT_NE(outcomes[0].error.find("Couldn't connect to server"), std::string::npos);
  EXPECT_NE(outcomes[1].error.find("Protocol \"ftp\" not supported"), std::string::npos);
  EXPECT_EQ(files(), Names{});
}

TEST_F(Download, TheProgramSaysWhatCameAndWhatDidNot) {
  sp::Completed done = plait::sync_wait(sp::run(
      {PLAIT_PROGRAM, "-d", folder.path(), server->url("/small"), server->url("/missing")}, {.capture_output = true}));
  EXPECT_EQ(done.returncode, 1);
  EXPECT_EQ(done.out, folder / "small" + ": 13 bytes\n");
  EXPECT_EQ(done.err, "download: " + server->url("/missing") + ": the server answered 404\n");
  done = plait::sync_wait(sp::run({PLAIT_PROGRAM, "-d", "/nowhere", server->url("/small")}, {.capture_output = true}));
  EXPECT_EQ(done.returncode, 1);
  EXPECT_NE(done.err.find("/nowhere/small.part: No such file or directory"), std::string::npos) << done.err;
}

}  // namespace
