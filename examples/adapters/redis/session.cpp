// SPDX-License-Identifier: BSL-1.0
//
// The session: commands go out as they come, and answers come back in the same order, which is that of `in_flight_`.
//
// Redis can't take a command back, but answers at once, unless the command waits, as BLPOP does. Then CLIENT UNBLOCK,
// sent by another connection, ends it with an error that says so. It names a session and not a command, so it is sent
// when the command is the first in flight; and if it hits the next one all the same, that one did nothing and is sent
// again.
#include "session.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace redis {
namespace {

using namespace std::chrono_literals;

/// How long the server may take to end a command before it counts as gone.
constexpr plait::Duration kPatience = 30s;

Value value_of(const redisReply& reply) {
  Value value;
  switch (reply.type) {
    case REDIS_REPLY_NIL:
      break;
    case REDIS_REPLY_INTEGER:
      value.kind = Value::Kind::integer;
      value.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      value.kind = Value::Kind::list;
      for (std::size_t i = 0; i < reply.elements; ++i) value.list.push_back(value_of(*reply.element[i]));
      break;
    default:
      value.kind = Value::Kind::text;
      value.text.assign(reply.str, static_cast<std::size_t>(reply.len));
  }
  return value;
}

/// hiredis writes by write(2): a SIGPIPE that this raises does not reach the thread while this lives.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;
  ~WithoutSigpipe() {
    const timespec now{};
    if (::sigismember(&before_, SIGPIPE) == 0) ::sigtimedwait(&pipe_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_, before_;
};

std::string reason_of(const redisAsyncContext& context) {
  return context.errstr && *context.errstr ? context.errstr : "the connection is closed";
}

}  // namespace

Session::Session(Handle context, Address address)
    : address(std::move(address)), context_(context.release()), descriptor_(context_->c.fd) {
  context_->data = context_->ev.data = this;
  context_->ev.addRead = [](void* self) { static_cast<Session*>(self)->wants_read_.set(); };
  context_->ev.delRead = [](void* self) { static_cast<Session*>(self)->wants_read_.clear(); };
  context_->ev.addWrite = [](void* self) { static_cast<Session*>(self)->wants_write_.set(); };
  context_->ev.delWrite = [](void* self) { static_cast<Session*>(self)->wants_write_.clear(); };
  // The last that is heard of the context: hiredis closes the descriptor next.
  context_->ev.cleanup = [](void* data) {
    auto& self = *static_cast<Session*>(data);
    if (self.reason_.empty()) self.reason_ = reason_of(*self.context_);
    plait::notify_closing(self.descriptor_);
    self.context_ = nullptr;
    for (plait::Event* event : {&self.wants_read_, &self.wants_write_, &self.opened, &self.woken}) event->set();
  };
  // The hooks must be there before this one, which begins to wait for the connection.
  redisAsyncSetConnectCallback(context_, [](const redisAsyncContext* context, int status) {
    auto& self = *static_cast<Session*>(context->data);
    if (status != REDIS_OK) self.reason_ = reason_of(*context);
    self.opened.set();
  });
}

plait::Task<> Session::open(std::shared_ptr<Session> self) {
  static_cast<void>(plait::spawn(read_on(self), {.name = "redis: read"}));
  static_cast<void>(plait::spawn(write_on(self), {.name = "redis: write"}));
  try {
    co_await self->opened.wait();
  } catch (...) {
    self->close("it was given up");
    throw;
  }
  self->must_be_open();
}

plait::Task<> Session::read_on(std::shared_ptr<Session> self) {
  std::exception_ptr cancelled;
  try {
    co_await self->read_loop();
  } catch (const plait::Cancelled&) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  // The loop ends, and those who have commands in flight are cancelled as well: they need the answers.
  self->ending_ = true;
  co_await plait::shield(self->read_loop());
  self->close("the event loop of the connection has ended");
  std::rethrow_exception(cancelled);
}

plait::Task<> Session::write_on(std::shared_ptr<Session> self) {
  // It needs no cancel: the reader tells it when it is over.
  co_await plait::shield(self->write_loop());
}

plait::Task<> Session::read_loop() {
  while (goes_on()) {
    co_await wants_read_.wait();
    if (!context_) break;
    try {
      co_await plait::readable(descriptor_);
    } catch (const std::system_error& error) {
      close(error.what());  // unless it was closed while it was awaited
    }
    if (context_ && wants_read_.is_set()) redisAsyncHandleRead(context_);
  }
}

plait::Task<> Session::write_loop() {
  while (context_) {
    co_await wants_write_.wait();
    if (!context_) break;
    try {
      co_await plait::writable(descriptor_);
    } catch (const std::system_error& error) {
      close(error.what());  // unless it was closed while it was awaited
    }
    const WithoutSigpipe quiet;
    if (context_ && wants_write_.is_set()) redisAsyncHandleWrite(context_);
  }
}

void Session::submit(Command& command) {
  must_be_open();
  std::vector<const char*> words;
  std::vector<std::size_t> sizes;
  for (const std::string& word : command.words) {
    words.push_back(word.data());
    sizes.push_back(word.size());
  }
  if (redisAsyncCommandArgv(context_, &on_reply, &command, static_cast<int>(words.size()), words.data(),
                            sizes.data()) != REDIS_OK) {
    throw ConnectionError(reason_of(*context_));
  }
  in_flight_.push_back(&command);
  if (in_flight_.size() == 1) command.first.set();
}

void Session::on_reply(redisAsyncContext* context, void* reply, void* command) {
  // An exception can only be that memory has run out, and goes no further.
  static_cast<Session*>(context->data)->end(*static_cast<Command*>(command), static_cast<redisReply*>(reply));
}

/// `reply` is null when the connection is gone.
void Session::end(Command& command, const redisReply* reply) {
  std::erase(in_flight_, &command);
  if (!in_flight_.empty()) in_flight_.front()->first.set();
  if (!reply) {
    command.error = std::make_exception_ptr(ConnectionError(reason_.empty() ? reason_of(*context_) : reason_));
  } else if (reply->type != REDIS_REPLY_ERROR) {
    command.value = value_of(*reply);
  } else {
    const std::string text(reply->str, static_cast<std::size_t>(reply->len));
    command.unblocked = text.starts_with("UNBLOCKED ");
    if (command.unblocked && !command.called_off) {
      try {
        return submit(command);  // another's CLIENT UNBLOCK hit it
      } catch (const Error&) {
        command.error = std::current_exception();
      }
    } else {
      command.error = std::make_exception_ptr(Error(text));
    }
  }
  command.first.set();
  command.ended.set();
}

plait::Task<> Session::call_off(Command& command) {
  co_await command.first.wait();
  if (co_await plait::move_on_after(5ms, command.ended.wait())) co_return;
  try {
    co_await plait::timeout(kPatience, unblock(command));
  } catch (const plait::TimeoutError&) {
    close("the server did not end a command in time");
  } catch (const ConnectionError& error) {
    close(error.what());  // nothing else is sure to end the command
  }
}

plait::Task<> Session::unblock(Command& command) {
  Connection other = co_await Connection::connect(address, true);
  for (plait::Duration pause = 5ms; !command.ended.is_set(); pause = std::min<plait::Duration>(2 * pause, 1s)) {
    command.called_off = true;
    co_await other.command("CLIENT", "UNBLOCK", id, "ERROR");
    co_await plait::move_on_after(pause, command.ended.wait());
  }
}

void Session::subscribe(const std::string& channel) {
  must_be_open();
  const char* words[] = {"SUBSCRIBE", channel.data()};
  const std::size_t sizes[] = {9, channel.size()};
  redisAsyncCommandArgv(context_, &on_message, this, 2, words, sizes);
}

void Session::on_message(redisAsyncContext*, void* data, void* session) {
  const auto* reply = static_cast<const redisReply*>(data);
  if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) return;
  Value value = value_of(*reply);
  if (value.list[0].text != "message") return;
  auto& self = *static_cast<Session*>(session);
  self.arrived.push_back({.channel = std::move(value.list[1].text), .payload = std::move(value.list[2].text)});
  self.woken.set();
}

void Session::close(const std::string& reason) noexcept {
  if (!context_) return;
  reason_ = reason;
  redisAsyncFree(context_);
}

void Session::must_be_open() const {
  if (!context_) throw ConnectionError(reason_);
}

}  // namespace redis
