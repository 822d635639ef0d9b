// SPDX-License-Identifier: BSL-1.0
//
// What a user calls. The waiting is in session.cpp.
#include <algorithm>

#include "session.hpp"

namespace postgres {
namespace {

using plait::Task;

Session::Handle start(const std::string& conninfo) { return Session::Handle(PQconnectStart(conninfo.c_str())); }

[[noreturn]] void refuse(PGconn* connection) {
  throw ConnectionError("08001", connection ? PQerrorMessage(connection) : "libpq is out of memory");
}

/// A Listener among those of its session, as long as this lives.
class Subscription {
 public:
  Subscription(Session& session, std::string channel) : session_(session) {
    listener.channel = std::move(channel);
    session_.listeners.push_back(&listener);
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription() { std::erase(session_.listeners, &listener); }

  bool is_last() const { return std::ranges::count(session_.listeners, listener.channel, &Listener::channel) == 1; }

  Listener listener;

 private:
  Session& session_;
};

}  // namespace

Task<Connection> connect(std::string conninfo) {
  // libpq may look up a name here, which blocks. Left behind on cancel, the handle closes itself.
  Session::Handle handle = co_await plait::to_thread({.abandon_on_cancel = true}, start, conninfo);
  if (!handle || PQstatus(handle.get()) == CONNECTION_BAD) refuse(handle.get());
  // PQconnectPoll says which readiness it wants next; before the first call it is room to write.
  for (PostgresPollingStatusType wants = PGRES_POLLING_WRITING; wants != PGRES_POLLING_OK;
       wants = PQconnectPoll(handle.get())) {
    if (wants == PGRES_POLLING_FAILED) refuse(handle.get());
    if (wants == PGRES_POLLING_READING) {
      co_await plait::readable(PQsocket(handle.get()));
    } else {
      co_await plait::writable(PQsocket(handle.get()));
    }
  }
  if (PQsetnonblocking(handle.get(), 1) != 0 || PQenterPipelineMode(handle.get()) != 1) refuse(handle.get());
  auto session = std::make_shared<Session>(std::move(handle));
  static_cast<void>(plait::spawn(Session::read_on(session), {.name = "postgres: read"}));
  static_cast<void>(plait::spawn(Session::write_on(session), {.name = "postgres: write"}));
  co_return Connection(std::move(session));
}

void Connection::close() noexcept {
  if (session_) session_->lose("08003", "the connection is closed");
}

int Connection::server_pid() const noexcept { return session_ ? session_->server_pid() : 0; }

Task<Result> Connection::query(std::shared_ptr<Session> session, std::string sql, std::vector<Parameter> values) {
  co_await session->room.wait();
  Statement statement(std::move(sql), std::move(values));
  session->submit(statement);
  std::exception_ptr cancelled;
  try {
    co_await statement.ended.wait();
  } catch (const plait::Cancelled&) {
    cancelled = std::current_exception();
  }
  if (cancelled) co_await plait::shield(session->call_off(statement));
  if (cancelled && statement.sqlstate == "57014") std::rethrow_exception(cancelled);
  if (statement.error) std::rethrow_exception(statement.error);
  co_return std::move(*statement.result);
}

plait::AsyncGenerator<Notification> Connection::listen(std::shared_ptr<Session> session, std::string channel) {
  Subscription subscription(*session, channel);
  Listener& me = subscription.listener;
  const std::string name = session->quote(channel);
  co_await query(session, "LISTEN " + name, {});
  std::exception_ptr closing;
  try {
    for (;;) {
      while (me.arrived.empty()) {
        session->must_be_open();
        me.woken.clear();
        co_await me.woken.wait();
      }
      Notification next = std::move(me.arrived.front());
      me.arrived.pop_front();
      co_yield std::move(next);
    }
  } catch (const plait::GeneratorExit&) {
    closing = std::current_exception();
  }
  if (subscription.is_last()) co_await query(session, "UNLISTEN " + name, {});
  std::rethrow_exception(closing);
}

}  // namespace postgres
