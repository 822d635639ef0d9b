// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "adapters/server.hpp"
#include "curl.hpp"

namespace plait::test {

/// nginx in a folder of its own, as long as this lives: a real server of the full protocol, small, that keeps hundreds
/// of connections and can be told to send slowly.
class Nginx {
 public:
  static constexpr std::size_t kLarge = 8 << 20;
  static constexpr const char* kProgram = "/usr/sbin/nginx";
  static bool is_installed() { return ::access(kProgram, X_OK) == 0; }

  Nginx() : folder_("www-data"), port_(free_port()) {
    std::ofstream(folder_ / "small") << "Hello, world!";
    std::ofstream(folder_ / "large") << large();
    std::ofstream(folder_ / "conf") << "pid " << folder_ / "pid" << R"(;
      daemon off;
      worker_processes 1;
      events { worker_connections 1024; }
      http {
        access_log off;
        client_body_temp_path body;
        proxy_temp_path proxy;
        fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi;
        scgi_temp_path scgi;
        server {
          listen 127.0.0.1:)" << port_
                                    << R"( backlog=1024;
          root )" << folder_.path() << R"(;
          location /redirect { return 302 /small; }
          location /loop { return 302 /loop; }
          location /arg { return 200 $arg_n; }
          location /connection { return 200 $connection; }
          location /say { return 200 '$request_method $content_length $http_x_word'; }
          location /slow/ { limit_rate 300k; alias )"
                                    << folder_.path() << R"(/; }
        }
      })";
    server_ = plait::sync_wait(
        subprocess::spawn({kProgram, "-p", folder_.path(), "-c", folder_ / "conf", "-e", "stderr"}, folder_.options()));
    plait::run(wait_until_it_answers());
  }
  ~Nginx() { plait::sync_wait(server_->stop()); }

  /// What /large is: no two parts of it are alike.
  static std::string large() {
    std::string text(kLarge, ' ');
    for (std::size_t i = 0; i < kLarge; ++i) text[i] = static_cast<char>(i * 31 + (i >> 8) * 7 + (i >> 16));
    return text;
  }
  const ServerFolder& folder() const { return folder_; }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

 private:
  Task<> wait_until_it_answers() {
    curl::Client client;
    for (int tries = 0; tries < 1000 && !server_->poll(); ++tries) {
      try {
        co_await client.fetch(url("/small"));
        co_return;
      } catch (const curl::Error&) {  // not yet
      }
      co_await sleep(std::chrono::milliseconds(10));
    }
    throw std::runtime_error("nginx does not answer:\n" + folder_.log());
  }

  ServerFolder folder_;
  int port_;
  std::optional<subprocess::Child> server_;
};

/// Tests that share an nginx, and are left out where none is installed.
class WithNginx : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (Nginx::is_installed()) server = std::make_unique<Nginx>();
  }
  static void TearDownTestSuite() { server.reset(); }
  void SetUp() override {
    if (!server) GTEST_SKIP() << "no nginx is installed: apt-get install nginx-light";
  }

  static inline std::unique_ptr<Nginx> server;
};

}  // namespace plait::test
