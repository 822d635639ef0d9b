// SPDX-License-Identifier: BSL-1.0
//
// The session: statements go out as they come, each followed by a Sync, and their answers come back in the same order,
// each up to its Sync. `in_flight_` is that order.
//
// A cancel request of PostgreSQL names a session, not a statement: it hits what runs when it arrives. So it is sent
// when the statement is the first in flight, and again until that has ended, because the server may not have begun it.
// If it ended by itself meanwhile, the request may hit the next one: each statement that is in flight while a request
// is on its way is marked, and one that was hit, and thereby undone, is sent again.
#include "session.hpp"

#include <algorithm>
#include <chrono>

namespace postgres {
namespace {

using namespace std::chrono_literals;

struct FreeCancel {
  void operator()(PGcancel* cancel) const noexcept { PQfreeCancel(cancel); }
};
using CancelHandle = std::unique_ptr<PGcancel, FreeCancel>;

/// How long the server may take to give up a statement before it counts as gone.
constexpr plait::Duration kPatience = 30s;

/// Blocks for a connection of its own to the server; it returns when the server has passed the request on.
void request_cancel(const CancelHandle& cancel) {
  char why[256];
  // A request that could not be sent is repeated, as one that came too early is.
  static_cast<void>(PQcancel(cancel.get(), why, sizeof why));
}

/// "ERROR:  division by zero\n" without the line's end.
std::string trimmed(std::string_view text) { return std::string(text.substr(0, text.find_last_not_of('\n') + 1)); }

}  // namespace

Session::Session(Handle connection) : connection_(std::move(connection)), descriptor_(PQsocket(connection_.get())) {
  PQsetNoticeReceiver(connection_.get(), &keep_notice, this);
  room.set();
}

plait::Task<> Session::read_on(std::shared_ptr<Session> self) {
  std::exception_ptr cancelled;
  try {
    co_await self->read_loop();
  } catch (const plait::Cancelled&) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  // The loop ends, and those who have statements in flight are cancelled as well: they need the answers.
  self->ending_ = true;
  co_await plait::shield(self->read_loop());
  self->lose("08003", "the event loop of the connection has ended");
  std::rethrow_exception(cancelled);
}

plait::Task<> Session::write_on(std::shared_ptr<Session> self) {
  // It needs no cancel: the reader tells it when it is over.
  co_await plait::shield(self->write_loop());
}

plait::Task<> Session::read_loop() {
  while (goes_on()) {
    try {
      co_await plait::readable(descriptor_);
    } catch (const std::system_error& error) {
      lose("08006", error.what());  // unless it was closed while it was awaited
    }
    if (connection_) receive();
  }
}

plait::Task<> Session::write_loop() {
  while (connection_) {
    co_await behind_.wait();
    if (!connection_) break;
    try {
      co_await plait::writable(descriptor_);
    } catch (const std::system_error& error) {
      lose("08006", error.what());  // unless it was closed while it was awaited
    }
    if (connection_) flush();
  }
}

void Session::flush() noexcept {
  switch (PQflush(connection_.get())) {
    case 0:
      behind_.clear();
      room.set();
      break;
    case 1:
      room.clear();
      behind_.set();
      break;
    default:
      lose("08006", PQerrorMessage(connection_.get()));
  }
}

void Session::submit(Statement& statement) {
  must_be_open();
  send(statement);
  flush();
}

void Session::send(Statement& statement) {
  std::vector<const char*> values;
  values.reserve(statement.values.size());
  for (const Parameter& value : statement.values) values.push_back(value ? value->c_str() : nullptr);
  if (!PQsendQueryParams(connection_.get(), statement.sql.c_str(), static_cast<int>(values.size()), nullptr,
                         values.data(), nullptr, nullptr, 0) ||
      !PQpipelineSync(connection_.get())) {
    throw Error("08006", trimmed(PQerrorMessage(connection_.get())));
  }
  statement.at_risk = cancel_requests_ != 0;
  in_flight_.push_back(&statement);
  if (in_flight_.size() == 1) statement.first.set();
}

void Session::receive() {
  const bool lives = PQconsumeInput(connection_.get()) != 0;
  // What had arrived before the end counts.
  while (!in_flight_.empty() && !PQisBusy(connection_.get()) && take(PQgetResult(connection_.get()))) {
  }
  while (PGnotify* notify = PQnotifies(connection_.get())) {
    for (Listener* listener : listeners) {
      if (listener->channel != notify->relname) continue;
      listener->arrived.push_back({.channel = notify->relname, .payload = notify->extra, .sender = notify->be_pid});
      listener->woken.set();
    }
    PQfreemem(notify);
  }
  if (!lives && connection_) {
    // The server's last words say more than libpq, which saw a socket close.
    lose(sqlstate_.empty() ? "08006" : sqlstate_, reason_.empty() ? PQerrorMessage(connection_.get()) : reason_);
  }
}

/// One answer to the first in flight. False: there is none, though libpq did not say so.
bool Session::take(PGresult* answer) {
  Statement& first = *in_flight_.front();
  if (!answer) {
    // The end of a statement's rows. Its Sync follows, unless the connection is gone.
    return (first.result || first.error) && PQstatus(connection_.get()) == CONNECTION_OK;
  }
  switch (PQresultStatus(answer)) {
    case PGRES_PIPELINE_SYNC:
      PQclear(answer);
      end_first();
      return true;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
      first.result.emplace(answer);
      return true;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
      PQclear(answer);
      lose("0A000", "COPY needs a connection of its own");
      return false;
    default: {
      const char* state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
      const std::string message = trimmed(PQresultErrorMessage(answer));
      first.sqlstate = state ? state : "08006";
      first.error = std::make_exception_ptr(Error(first.sqlstate, message));
      keep_notice(this, answer);
      PQclear(answer);
      return true;
    }
  }
}

/// The first in flight is through; if another's cancel hit it, it begins again.
void Session::end_first() {
  Statement& first = *in_flight_.front();
  in_flight_.pop_front();
  if (!in_flight_.empty()) in_flight_.front()->first.set();
  if (first.struck && first.sqlstate == "25P02") first.error = first.struck;  // it was in a transaction that is lost
  if (first.at_risk && !first.called_off && first.sqlstate == "57014") {
    first.struck = std::exchange(first.error, nullptr);
    first.result.reset();
    first.sqlstate.clear();
    try {
      send(first);
      return flush();
    } catch (const Error&) {
      first.error = std::current_exception();
    }
  }
  if (!first.result && !first.error) {
    first.error = std::make_exception_ptr(Error("XX000", "the server gave no result"));
  }
  first.first.set();
  first.ended.set();
}

plait::Task<> Session::call_off(Statement& statement) {
  co_await statement.first.wait();
  const plait::TimePoint deadline = plait::now() + kPatience;
  for (plait::Duration pause = 5ms; !statement.ended.is_set() && plait::now() < deadline;
       pause = std::min<plait::Duration>(2 * pause, 1s)) {
    statement.called_off = true;
    for (Statement* other : in_flight_) other->at_risk = true;
    CancelHandle cancel(PQgetCancel(connection_.get()));
    ++cancel_requests_;
    co_await plait::move_on_at(deadline,
                               plait::to_thread({.abandon_on_cancel = true}, request_cancel, std::move(cancel)));
    --cancel_requests_;
    co_await plait::move_on_after(pause, statement.ended.wait());
  }
  if (!statement.ended.is_set()) lose("08006", "the server did not cancel a statement in time");
}

void Session::lose(const std::string& sqlstate, const std::string& reason) noexcept {
  if (!connection_) return;
  sqlstate_ = sqlstate;
  reason_ = trimmed(reason);
  connection_.reset();
  plait::notify_closing(descriptor_);
  for (Statement* statement : std::exchange(in_flight_, {})) {
    statement->error = std::make_exception_ptr(ConnectionError(sqlstate_, reason_));
    statement->sqlstate = sqlstate_;
    statement->first.set();
    statement->ended.set();
  }
  for (Listener* listener : listeners) listener->woken.set();
  room.set();
  behind_.set();
}

void Session::must_be_open() const {
  if (!connection_) throw ConnectionError(sqlstate_, reason_);
}

std::string Session::quote(const std::string& identifier) const {
  must_be_open();
  char* quoted = PQescapeIdentifier(connection_.get(), identifier.data(), identifier.size());
  if (!quoted) throw Error("22021", trimmed(PQerrorMessage(connection_.get())));
  std::string text = quoted;
  PQfreemem(quoted);
  return text;
}

/// Notices go nowhere, but the last fatal one says why the server hung up.
void Session::keep_notice(void* self, const PGresult* notice) noexcept {
  const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  const char* state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
  if (!severity || !state || (std::string_view(severity) != "FATAL" && std::string_view(severity) != "PANIC")) return;
  auto& session = *static_cast<Session*>(self);
  session.sqlstate_ = state;
  session.reason_ = trimmed(PQresultErrorMessage(notice));
}

}  // namespace postgres
