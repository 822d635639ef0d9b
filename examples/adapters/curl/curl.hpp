// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <curl/curl.h>
#include <plait/plait.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// HTTP for tasks: libcurl does the protocol, Plait the waiting.
namespace curl {

/// A transfer failed before there was a whole answer. An answer such as 404 is not an error.
class Error : public std::runtime_error {
 public:
  Error(CURLcode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  /// CURLE_COULDNT_CONNECT and the like.
  CURLcode code() const noexcept { return code_; }

 private:
  CURLcode code_;
};

/// How far a transfer is, in bytes of the body.
struct Progress {
  std::int64_t received = 0;
  std::int64_t sent = 0;
  std::optional<std::int64_t> total{};  ///< To receive, if the server said so.
};

/// What is asked for. Trivially destructible; all it refers to is copied when the transfer is made, but `on_progress`.
struct Options {
  std::string_view method = "";               ///< "": GET, or POST if there is a body.
  std::span<const std::string> headers = {};  ///< "Name: value" each.
  std::optional<std::string_view> body = {};  ///< What is sent.
  int max_redirects = 10;                     ///< 0: a redirect is an answer like any other.
  std::string_view ca_file = "";              ///< Whom to trust instead of the system's authorities.
  /// Called while bytes come or go, on the loop's thread; what it throws ends the transfer. Must outlive it.
  const std::function<void(const Progress&)>* on_progress = nullptr;
};

/// What the server answered.
struct Response {
  int status = 0;
  std::string url;                                           ///< Where redirects led to.
  std::vector<std::pair<std::string, std::string>> headers;  ///< In the order in which they came.
  std::string body;                                          ///< Of `Client::fetch`; else empty.

  /// The first header of that name, in any case of letters; nothing if there is none.
  std::optional<std::string_view> header(std::string_view name) const;
};

class Driver;
class Flight;

/// One transfer whose body is taken in pieces, as they come; made by `Client::open`. Move-only. While 256 KiB wait to
/// be taken, the server has to wait as well. Destroying it ends the transfer. One strand at a time.
class Transfer {
 public:
  /// The answer without its body, once the body begins, or has ended. Throws Error. On cancel: nothing has changed.
  plait::Task<Response> response();
  /// The next piece of the body, or nothing at its end. Throws Error, after all that came before it was given. On
  /// cancel: no byte is lost.
  plait::Task<std::optional<std::string>> next();

  Transfer(Transfer&&) noexcept;
  Transfer& operator=(Transfer&&) noexcept;
  ~Transfer();

 private:
  friend class Client;
  explicit Transfer(std::unique_ptr<Flight> flight) noexcept;

  std::unique_ptr<Flight> flight_;
};

/// How a Client is made. Trivially destructible.
struct ClientOptions {
  long max_connections = 0;           ///< At once; further transfers wait for one. 0: no limit.
  long max_connections_per_host = 0;  ///< The same for one host.
};

/// A browser's memory without the browser: connections that are kept and used again. Any number of transfers at once.
/// For the tasks of one loop. Transfers may outlive it.
class Client {
 public:
  explicit Client(ClientOptions options = {});

  /// Fetches the whole of what `url` names. Throws Error. On cancel, by `timeout` for instance: the transfer is ended
  /// and its connection closed. `url` and what `options` refer to are copied at once.
  plait::Task<Response> fetch(const std::string& url, const Options& options = {});
  /// Makes a transfer, which begins with its first `response` or `next`.
  Transfer open(const std::string& url, const Options& options = {});

 private:
  std::shared_ptr<Driver> driver_;
};

}  // namespace curl
