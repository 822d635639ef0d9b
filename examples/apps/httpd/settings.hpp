// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <plait/plait.hpp>

namespace httpd {

/// Requests whose path begins with `prefix` go to another server.
struct Route {
  std::string prefix;
  std::string host;
  int port = 80;
  std::string base;  ///< what takes the prefix' place in the path; "" leaves it as it is
};

/// What the command line says.
struct Settings {
  std::string address = "127.0.0.1";
  int port = 8080;
  std::string root;  ///< "": no files
  std::vector<Route> routes;
  std::string tls_certificate, tls_key;
  std::string log;  ///< "": none
  int loops = 1;
  std::size_t max_connections = 1024;
  std::size_t max_head = std::size_t{16} << 10;
  std::uint64_t max_body = std::uint64_t{64} << 20;
  /// From the first byte of a head to its end.
  plait::Duration head_timeout = std::chrono::seconds(10);
  /// See Patience.
  plait::Duration body_timeout = std::chrono::seconds(20);
  std::uint64_t body_rate = 1024;
  /// Without a request.
  plait::Duration idle_timeout = std::chrono::seconds(60);
  /// A client that takes nothing of an answer.
  plait::Duration write_timeout = std::chrono::seconds(30);
  /// Another server that does not connect, read or answer.
  plait::Duration upstream_timeout = std::chrono::seconds(30);
  /// For what is in flight when the server is stopped.
  plait::Duration grace = std::chrono::seconds(10);
};

}  // namespace httpd
