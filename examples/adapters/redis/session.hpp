// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hiredis/async.h>

#include <deque>
#include <exception>

#include "redis.hpp"

namespace redis {

/// One command in flight. Lives in the frame of its `command`, which does not end before it.
struct Command {
  explicit Command(std::vector<std::string> words) : words(std::move(words)) {}

  std::vector<std::string> words;
  Value value;
  std::exception_ptr error;
  /// It was waiting at the server, and has been called off there.
  bool unblocked = false;
  bool called_off = false;
  /// It is the first in flight, so that CLIENT UNBLOCK would reach it; or it has ended.
  plait::Event first;
  plait::Event ended;
};

/// A redisAsyncContext and who waits for it. hiredis says by four hooks whether it wants to read and to write; a strand
/// for each direction waits while it does.
class Session : public std::enable_shared_from_this<Session> {
 public:
  struct Free {
    void operator()(redisAsyncContext* context) const noexcept { redisAsyncFree(context); }
  };
  using Handle = std::unique_ptr<redisAsyncContext, Free>;

  Session(Handle context, Address address);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Starts the two strands, and waits until there is a connection.
  static plait::Task<> open(std::shared_ptr<Session> self);
  /// Sends it. It ends by `ended`.
  void submit(Command& command);
  /// If the server keeps it waiting, has that end; waits for its end.
  plait::Task<> call_off(Command& command);
  /// Listens; from now on the session is good for nothing else.
  void subscribe(const std::string& channel);
  /// Ends it all.
  void close(const std::string& reason) noexcept;
  void must_be_open() const;

  const Address address;
  /// The connection is there, or gone.
  plait::Event opened;
  /// Nobody else has commands in flight here: to cancel one is to close it.
  bool expendable = true;
  /// Of a subscription: messages, and that there are some, or that the connection is gone.
  std::deque<Message> arrived;
  plait::Event woken;
  /// As the server numbers its clients.
  std::int64_t id = 0;

 private:
  static plait::Task<> read_on(std::shared_ptr<Session> self);
  static plait::Task<> write_on(std::shared_ptr<Session> self);
  plait::Task<> unblock(Command& command);
  plait::Task<> read_loop();
  plait::Task<> write_loop();
  /// Who uses an expendable session closes it, also when the loop ends.
  bool goes_on() const noexcept { return context_ && !(ending_ && in_flight_.empty() && !expendable); }
  void end(Command& command, const redisReply* reply);

  static void on_reply(redisAsyncContext* context, void* reply, void* command);
  static void on_message(redisAsyncContext* context, void* reply, void* self);

  /// hiredis frees it by itself when the connection is lost; `cleanup` tells.
  redisAsyncContext* context_;
  const int descriptor_;
  plait::Event wants_read_;
  plait::Event wants_write_;
  std::deque<Command*> in_flight_;
  std::string reason_;
  bool ending_ = false;
};

}  // namespace redis
