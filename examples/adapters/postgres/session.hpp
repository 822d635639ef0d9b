// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <deque>
#include <exception>

#include "postgres.hpp"

namespace postgres {

/// One statement in flight. Lives in the frame of its `query`, which does not end before it.
struct Statement {
  Statement(std::string sql, std::vector<Parameter> values) : sql(std::move(sql)), values(std::move(values)) {}

  std::string sql;
  std::vector<Parameter> values;
  std::optional<Result> result;
  std::exception_ptr error;
  /// The SQLSTATE of the error, if the server sent one.
  std::string sqlstate;
  /// It is the first in flight, so a cancel request reaches it; or it has ended.
  plait::Event first;
  plait::Event ended;
  /// Its task wants no more of it, and the server was told.
  bool called_off = false;
  /// A cancel request for another statement may reach this one.
  bool at_risk = false;
  /// What it ended with when that happened.
  std::exception_ptr struck;
};

/// One who listens.
struct Listener {
  std::string channel;
  std::deque<Notification> arrived;
  plait::Event woken;
};

/// A PGconn and who waits for it. Two strands wait for its descriptor: `read_on` always, for answers, notifications and
/// the end; `write_on` while libpq has bytes that the kernel had no room for.
class Session {
 public:
  struct Finish {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  };
  using Handle = std::unique_ptr<PGconn, Finish>;

  explicit Session(Handle connection);

  static plait::Task<> read_on(std::shared_ptr<Session> self);
  static plait::Task<> write_on(std::shared_ptr<Session> self);

  /// Sends it. It ends by `ended`, with a result or an error.
  void submit(Statement& statement);
  /// Has the server cancel it, and waits for its end.
  plait::Task<> call_off(Statement& statement);
  /// Ends it all: what is in flight, and who listens, get a ConnectionError.
  void lose(const std::string& sqlstate, const std::string& reason) noexcept;
  /// Throws what `lose` was told.
  void must_be_open() const;
  int server_pid() const noexcept { return connection_ ? PQbackendPID(connection_.get()) : 0; }
  std::string quote(const std::string& identifier) const;

  std::vector<Listener*> listeners;
  /// Everything was handed to the kernel: more may be sent.
  plait::Event room;

 private:
  plait::Task<> read_loop();
  plait::Task<> write_loop();
  bool goes_on() const noexcept { return connection_ && !(ending_ && in_flight_.empty()); }
  void flush() noexcept;
  void receive();
  bool take(PGresult* answer);
  void end_first();
  void send(Statement& statement);
  static void keep_notice(void* self, const PGresult* notice) noexcept;

  Handle connection_;
  /// Kept, because libpq closes it by itself when the server is gone, and the strand that waits must be told.
  const int descriptor_;
  std::deque<Statement*> in_flight_;
  /// The opposite of `room`.
  plait::Event behind_;
  int cancel_requests_ = 0;
  /// The loop ends: what is in flight is still seen to its end.
  bool ending_ = false;
  /// Why there is no connection; before that, the server's last words.
  std::string sqlstate_;
  std::string reason_;
};

}  // namespace postgres
