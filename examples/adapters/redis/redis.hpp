// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Redis for tasks: hiredis does the protocol, Plait the waiting.
namespace redis {

/// What the server answered with: "WRONGTYPE Operation against a key …".
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// There is no connection, or no longer. Whether the server did what was in flight is not known.
class ConnectionError : public Error {
  using Error::Error;
};

/// What a command gave.
struct Value {
  enum class Kind : std::uint8_t { nil, integer, text, list };

  Kind kind = Kind::nil;
  std::int64_t integer = 0;
  std::string text;
  std::vector<Value> list;  ///< May hold errors as texts.

  explicit operator bool() const noexcept { return kind != Kind::nil; }
};

/// Where a server is. `port` 0: `host` is the path of a Unix socket.
struct Address {
  std::string host = "127.0.0.1";
  int port = 6379;
};

/// What was published.
struct Message {
  std::string channel;
  std::string payload;
};

class Session;

/// One session at the server. Any number of tasks may have commands in flight; answers come in the order of the
/// commands. Move-only. For tasks of the loop that it was connected on. Destroying it closes it.
class Connection {
 public:
  /// Sends one command, `command("SET", key, 42)`, and waits for its answer. Throws Error, or ConnectionError. On
  /// cancel: a command that makes the server wait, as BLPOP does, is called off there, and has not happened; any other
  /// is answered at once, and its answer is given.
  template <class... Words>
    requires(sizeof...(Words) > 0)
  plait::Task<Value> command(const Words&... words) {
    std::vector<std::string> list;
    list.reserve(sizeof...(Words));
    (list.push_back(word(words)), ...);
    return command(session_, std::move(list));
  }

  /// What is published on `channel` from the first `next()` on, by a connection of its own. Throws ConnectionError. On
  /// cancel, or when it is destroyed: that connection is closed.
  plait::AsyncGenerator<Message> subscribe(std::string channel);

  /// What is in flight ends with ConnectionError. Idempotent, never waits.
  void close() noexcept;

  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&& other) noexcept {
    std::swap(session_, other.session_);
    return *this;
  }
  ~Connection() { close(); }

 private:
  friend class Session;
  friend plait::Task<Connection> connect(Address address);
  explicit Connection(std::shared_ptr<Session> session) noexcept : session_(std::move(session)) {}

  template <class T>
  static std::string word(const T& value) {
    if constexpr (std::convertible_to<const T&, std::string_view>) {
      return std::string(std::string_view(value));
    } else {
      return std::to_string(value);
    }
  }
  static plait::Task<Connection> connect(Address address, bool expendable);
  static plait::Task<Value> command(std::shared_ptr<Session> session, std::vector<std::string> words);

  std::shared_ptr<Session> session_;
};

/// Connects. Throws ConnectionError. On cancel: there is no connection.
plait::Task<Connection> connect(Address address);

}  // namespace redis
