// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <libpq-fe.h>
#include <plait/plait.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// PostgreSQL for tasks: libpq does the protocol, Plait the waiting.
namespace postgres {

/// What the server answered with, or libpq.
class Error : public std::runtime_error {
 public:
  Error(std::string sqlstate, const std::string& message)
      : std::runtime_error(message), sqlstate_(std::move(sqlstate)) {}
  /// Five characters, as in the appendix "PostgreSQL Error Codes": "23505" is a unique violation.
  const std::string& sqlstate() const noexcept { return sqlstate_; }

 private:
  std::string sqlstate_;
};

/// There is no connection, or no longer. Whether the server did what was in flight is not known.
class ConnectionError : public Error {
  using Error::Error;
};

/// What a statement gave: rows of columns, as text. Move-only; views into it live as long as it.
class Result {
 public:
  explicit Result(PGresult* result) noexcept : result_(result) {}

  int rows() const noexcept { return PQntuples(result_.get()); }
  int columns() const noexcept { return PQnfields(result_.get()); }
  std::string_view name(int column) const { return PQfname(result_.get(), column); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  /// "" for NULL.
  std::string_view text(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }
  /// "INSERT 0 1" and the like.
  std::string_view command() const { return PQcmdStatus(result_.get()); }

 private:
  struct Clear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

/// What `NOTIFY channel, 'payload'` sent.
struct Notification {
  std::string channel;
  std::string payload;
  int sender = 0;  ///< The process id of the session that sent it.
};

/// A parameter of a statement as text; nothing is NULL.
using Parameter = std::optional<std::string>;

inline Parameter parameter(std::nullopt_t) { return std::nullopt; }
inline Parameter parameter(const Parameter& value) { return value; }
inline Parameter parameter(bool value) { return value ? "true" : "false"; }
template <class T>
  requires std::convertible_to<const T&, std::string_view>
Parameter parameter(const T& value) {
  return std::string(std::string_view(value));
}
template <class T>
  requires(std::integral<T> || std::floating_point<T>) && (!std::same_as<T, bool>)
Parameter parameter(T value) {
  return std::to_string(value);
}

class Session;

/// One session at the server, in pipeline mode: any number of tasks may have queries in flight, and none waits for
/// another's round trip. Each statement is a transaction of its own unless BEGIN was said, so the error of one leaves
/// the others alone. COPY is not for pipelines: it ends the connection. Move-only. For tasks of the loop that it was
/// connected on. Destroying it closes it.
class Connection {
 public:
  /// Sends one statement, with $1, $2, … for the parameters, and waits for what it gives. Throws Error, or
  /// ConnectionError. On cancel: waits until the statement's turn has come, has the server cancel it, and waits for the
  /// answer, so that the connection can be used again; if the statement was through before, its result is given.
  template <class... Parameters>
  plait::Task<Result> query(std::string sql, const Parameters&... parameters) {
    std::vector<Parameter> values;
    values.reserve(sizeof...(Parameters));
    (values.push_back(parameter(parameters)), ...);
    return query(session_, std::move(sql), std::move(values));
  }

  /// What is sent to `channel` from now on, in order; it listens from the first `next()` to `aclose()` or `closing`.
  /// A generator that is merely destroyed, or cancelled, leaves the server listening, and that is all. Throws
  /// ConnectionError. On cancel: no notification is lost that another `listen` of the channel waits for.
  plait::AsyncGenerator<Notification> listen(std::string channel) { return listen(session_, std::move(channel)); }

  /// Says goodbye; what is in flight ends with ConnectionError. Idempotent, never waits.
  void close() noexcept;
  /// The process id of the session at the server; 0 when the connection is gone.
  int server_pid() const noexcept;

  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&& other) noexcept {
    std::swap(session_, other.session_);
    return *this;
  }
  ~Connection() { close(); }

 private:
  friend plait::Task<Connection> connect(std::string conninfo);
  explicit Connection(std::shared_ptr<Session> session) noexcept : session_(std::move(session)) {}

  static plait::Task<Result> query(std::shared_ptr<Session> session, std::string sql, std::vector<Parameter> values);
  static plait::AsyncGenerator<Notification> listen(std::shared_ptr<Session> session, std::string channel);

  std::shared_ptr<Session> session_;
};

/// Connects: "host=/run/postgresql dbname=mine", or a URI. Throws ConnectionError. On cancel: there is no connection.
plait::Task<Connection> connect(std::string conninfo);

}  // namespace postgres
