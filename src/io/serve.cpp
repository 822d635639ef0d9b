// SPDX-License-Identifier: BSL-1.0
//
// Idea. A connection is a child strand of its own kind, without a Future, because nobody asks for its result: its end
// frees it, tells of its error and makes room for the next. docs/design/streams.md shows the scopes. From outside in:
// the deadline of a graceful stop, the connections, the wait for the stop, the accepting. The stop cancels the
// innermost one, so that the accept or the wait for room ends and the connections go on; the deadline and a cancel from
// outside reach the connections.
#include "plait/io/serve.hpp"

#include <cstdio>
#include <limits>
#include <new>
#include <optional>
#include <system_error>

#include "plait/core/branch.hpp"
#include "plait/core/current_strand.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/frame_allocator.hpp"
#include "plait/core/nursery.hpp"
#include "plait/sched/deadline_scope.hpp"
#include "plait/sync/event.hpp"
#include "plait/sync/semaphore.hpp"

namespace plait::detail {
namespace {

void write_to_stderr(const ServeError& failed) {
  std::fprintf(stderr, "plait: serve: %s: %s\n", failed.peer.c_str(), plait::describe(failed.error).c_str());
}

/// What the connections of one server share.
struct Server {
  Server(std::unique_ptr<ConnectionHandler> handler, const ServeOptions& options)
      : handler(std::move(handler)),
        on_error(options.on_error ? options.on_error : &write_to_stderr),
        room(options.max_connections == 0 ? std::numeric_limits<std::ptrdiff_t>::max()
                                          : static_cast<std::ptrdiff_t>(options.max_connections)) {}

  void tell(std::exception_ptr error, std::string peer) noexcept {
    if (!is_cancelled(error)) on_error({std::move(error), std::move(peer)});
  }

  const std::unique_ptr<ConnectionHandler> handler;
  void (*const on_error)(const ServeError&);
  Semaphore room;
};

/// One connection's handler. Frees itself.
class Connection final : public Strand, public FrameAllocated {
 public:
  Connection(Server& server, Stream stream)
      : Strand(Kind::task),
        server_(server),
        peer_(stream.shared_state()),
        task_(server.handler->handle(std::move(stream))) {}
  ~Connection() {
    if (record) close_record(record);
  }

  void start(Nursery& nursery, const Strand& parent, const void* spawned_at) {
    nursery_ = &nursery;
    scheduler = parent.scheduler;
    home = parent.home;
    context = parent.context;
    record = open_record(false, {}, spawned_at, parent.record);
    root_.attach(&nursery.scope, *this);
    task_.frame().promise().strand = this;
    resume_point = task_.frame();
    finish = &ended;
    nursery.child_begins();
    scheduler->schedule_here(*this);
  }

 private:
  static void ended(Strand& strand) {
    auto& self = static_cast<Connection&>(strand);
    Server& server = self.server_;
    Nursery& nursery = *self.nursery_;
    std::exception_ptr error = self.task_.frame().promise().result.error();
    {
      // The stream closes before anybody is told.
      Task<> frame = std::move(self.task_);
    }
    self.record->set(StrandState::done);
    self.root_.leave();
    if (error) server.tell(std::move(error), self.peer_->describe());
    delete &self;
    server.room.release();
    nursery.child_ended();
  }

  Server& server_;
  const std::shared_ptr<StreamState> peer_;
  Task<> task_;
  Scope root_;
  Nursery* nursery_ = nullptr;
};

/// A scope of a strand, for a block.
class EnteredScope : public Scope {
 public:
  explicit EnteredScope(Strand& strand) noexcept { enter(strand); }
  ~EnteredScope() { leave(); }
};

Task<> cancel_when_set(Event& stop, Scope& scope) {
  co_await stop.wait();
  scope.cancel();
}

/// Accepts until it is cancelled.
Task<> accept_all(Listener& listener, Server& server, Nursery& connections, std::source_location at) {
  Strand& self = co_await CurrentStrand{};
  bool in_want = false;
  while (true) {
    auto room = server.room.acquire();
    co_await AtLine<decltype(room)&>(room, address_of(at));
    std::exception_ptr refusal;
    std::shared_ptr<StreamState> peer;
    try {
      auto accept = listener.accept();
      Stream stream = co_await AtLine<decltype(accept)&>(accept, address_of(at));
      in_want = false;
      peer = stream.shared_state();
      (new Connection(server, std::move(stream)))->start(connections, self, address_of(at));
      continue;
    } catch (const Cancelled&) {
      throw;
    } catch (const std::system_error& error) {
      if (!peer && !out_of_resources(-error.code().value())) throw;
      if (peer || !std::exchange(in_want, true)) refusal = std::current_exception();
    } catch (...) {
      // The handler threw before it was a coroutine, or there was no memory for it.
      refusal = std::current_exception();
    }
    server.room.release();
    if (refusal) server.tell(std::move(refusal), peer ? peer->describe() : listener.address());
  }
}

}  // namespace

Task<> serve_connections(Listener listener, std::unique_ptr<ConnectionHandler> handler, ServeOptions options,
                         std::source_location at) {
  Strand& self = co_await CurrentStrand{};
  Server server(std::move(handler), options);
  DeadlineScope deadline(self, kNever);
  NurseryBlock<> connections(self);
  std::exception_ptr failed;
  {
    NurseryBlock<> watch(self);
    std::optional<Branch<void>> watcher;
    {
      EnteredScope accepting(self);
      if (options.stop) {
        watcher.emplace(cancel_when_set(*options.stop, accepting));
        watcher->start(watch.nursery, self, address_of(at));
      }
      try {
        co_await accept_all(listener, server, connections.nursery, at);
      } catch (const Cancelled&) {
        if (!accepting.catches()) failed = std::current_exception();
      } catch (...) {
        failed = std::current_exception();
      }
      watch.nursery.scope.cancel();
      co_await watch.nursery.join(address_of(at));
    }
  }
  listener.close();
  if (failed) {
    connections.nursery.scope.cancel();
  } else {
    deadline.set_deadline(add(now(), options.grace));
  }
  co_await connections.nursery.join(address_of(at));
  if (failed) std::rethrow_exception(failed);
  if (deadline.cancelled_from_outside()) throw Cancelled{};
}

}  // namespace plait::detail
