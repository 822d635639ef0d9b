// SPDX-License-Identifier: BSL-1.0
//
// What a user calls. The waiting is in session.cpp.
#include "session.hpp"

namespace redis {
namespace {

using plait::Task;

Session::Handle start(const Address& address) {
  return Session::Handle(address.port == 0 ? redisAsyncConnectUnix(address.host.c_str())
                                           : redisAsyncConnect(address.host.c_str(), address.port));
}

Task<std::shared_ptr<Session>> open(Address address) {
  // hiredis may look up a name here, which blocks. Left behind on cancel, the handle closes itself.
  Session::Handle handle = co_await plait::to_thread({.abandon_on_cancel = true}, start, address);
  if (!handle || handle->err) throw ConnectionError(handle ? handle->errstr : "hiredis is out of memory");
  auto session = std::make_shared<Session>(std::move(handle), std::move(address));
  co_await Session::open(session);
  co_return session;
}

/// Closes what nobody else holds.
class Closed {
 public:
  explicit Closed(std::shared_ptr<Session> session) noexcept : session_(std::move(session)) {}
  Closed(const Closed&) = delete;
  Closed& operator=(const Closed&) = delete;
  ~Closed() { session_->close("the subscription is over"); }

 private:
  std::shared_ptr<Session> session_;
};

plait::AsyncGenerator<Message> listen(Address address, std::string channel) {
  std::shared_ptr<Session> session = co_await open(std::move(address));
  const Closed at_the_end(session);
  session->subscribe(channel);
  for (;;) {
    while (session->arrived.empty()) {
      session->must_be_open();
      session->woken.clear();
      co_await session->woken.wait();
    }
    Message next = std::move(session->arrived.front());
    session->arrived.pop_front();
    co_yield std::move(next);
  }
}

}  // namespace

Task<Connection> connect(Address address) { return Connection::connect(std::move(address), false); }

Task<Connection> Connection::connect(Address address, bool expendable) {
  Connection connection(co_await open(std::move(address)));
  Value id = co_await connection.command("CLIENT", "ID");
  connection.session_->id = id.integer;
  connection.session_->expendable = expendable;
  co_return connection;
}

void Connection::close() noexcept {
  if (session_) session_->close("the connection is closed");
}

Task<Value> Connection::command(std::shared_ptr<Session> session, std::vector<std::string> words) {
  co_await session->opened.wait();
  Command command(std::move(words));
  session->submit(command);
  std::exception_ptr cancelled;
  try {
    co_await command.ended.wait();
  } catch (const plait::Cancelled&) {
    cancelled = std::current_exception();
  }
  if (cancelled && session->expendable) {
    session->close("it was given up");  // which ends the command
    std::rethrow_exception(cancelled);
  }
  if (cancelled) co_await plait::shield(session->call_off(command));
  if (cancelled && command.unblocked) std::rethrow_exception(cancelled);
  if (command.error) std::rethrow_exception(command.error);
  co_return std::move(command.value);
}

plait::AsyncGenerator<Message> Connection::subscribe(std::string channel) {
  return listen(session_->address, std::move(channel));
}

}  // namespace redis
