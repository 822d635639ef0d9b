// SPDX-License-Identifier: BSL-1.0
//
// Idea. One coroutine is one connection, and reads like the protocol: wait, read the head, answer, and again. Requests
// that a client sends ahead (pipelining) are at hand when their turn comes. Each wait has its own deadline.
#include "connection.hpp"

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <system_error>

#include "body.hpp"
#include "exchange.hpp"
#include "http_error.hpp"
#include "output.hpp"
#include "proxy.hpp"

namespace httpd {
namespace {

/// As much of a body that nobody wanted is read, so that the connection can go on.
constexpr std::uint64_t kMostToDiscard = std::uint64_t{64} << 10;

class Connection {
 public:
  Connection(Worker& worker, plait::Stream& stream)
      : worker_(worker),
        stream_(stream),
        input_(stream),
        parser_(MessageParser::Kind::request, worker.site.settings.max_body),
        address_(stream.peer_address()),
        peer_(std::string_view(address_).substr(0, address_.rfind(':'))) {}

  plait::Task<> run() {
    for (bool more = true; more;) {
      if (input_.at_hand().empty() && !co_await worker_.wait_for_request(input_)) co_return;
      more = co_await one_request();
    }
  }

 private:
  /// Whether another one may follow.
  plait::Task<bool> one_request() {
    const plait::TimePoint begin = plait::now();
    const Settings& settings = worker_.site.settings;
    parser_.clear();
    Body body(parser_, input_, {settings.body_timeout, settings.body_rate});
    Exchange exchange(settings, worker_.clock, stream_, peer_, parser_.head(), body);
    bool has_head = false, cut_off = false;
    std::exception_ptr failed;
    std::optional<HttpError> refused;
    try {
      has_head = co_await read_head();
      if (!has_head) co_return false;
      co_await answer(exchange);
    } catch (const HttpError& error) {
      refused.emplace(error);
    } catch (const plait::Cancelled&) {
      cut_off = true;
      failed = std::current_exception();
    } catch (...) {
      failed = std::current_exception();
    }
    if (cut_off) worker_.site.cut_off.fetch_add(1, std::memory_order_relaxed);
    // An answer that stays incomplete must look so; any other one must arrive.
    const bool broken = refused && exchange.status != 0;
    if (refused && !broken) failed = co_await try_to_refuse(exchange, *refused, has_head);
    worker_.log.add(exchange, has_head ? &exchange.request : nullptr, plait::now() - begin);
    if (failed) std::rethrow_exception(failed);
    if (broken) co_return false;
    if (exchange.keep_alive && body.done()) co_return true;
    if (!has_head || !body.done()) co_await linger(stream_);
    co_return false;
  }

  /// Reads the next head; false if the client has gone instead.
  plait::Task<bool> read_head() {
    const Settings& settings = worker_.site.settings;
    std::size_t size = input_.head_size(settings.max_head);
    if (size == 0) {
      const auto came = co_await plait::move_on_after(settings.head_timeout, input_.until_head(settings.max_head));
      if (!came) throw HttpError(408, "the head came too slowly");
      size = *came;
      if (size == 0 && input_.at_hand().empty()) co_return false;
      if (size == 0) throw HttpError(400, "the head ends too early");
    }
    const std::string_view head = input_.at_hand().substr(0, size);
    input_.take(size);
    parser_.begin(head);
    co_return true;
  }

  plait::Task<> answer(Exchange& exchange) {
    const Head& request = exchange.request;
    const Site& site = worker_.site;
    exchange.keep_alive = request.keep_alive && !site.stop.is_set();
    const int hosts = request.count("Host");
    if (hosts > 1 || (hosts == 0 && request.version >= 11)) throw HttpError(400, "exactly one Host is needed");
    if (!request.known_method) throw HttpError(501, "this method is not known");
    const std::string_view expected = request.get("Expect");
    if (!expected.empty() && !same_word(expected, "100-continue")) throw HttpError(417, "this can't be expected");
    const Target target = read_target(request.target);
    if (const Route* route = find_route(site.settings.routes, target.path)) {
      co_await forward(exchange, *route, target);
      co_return;
    }
    if (!site.files) throw HttpError(404, "nothing is here");
    // A client that waits for "100 Continue" gets its answer instead, and may not send its body any more.
    if (request.has_body && !expected.empty()) exchange.keep_alive = false;
    co_await site.files->answer(exchange, target);
    if (request.has_body && exchange.keep_alive) co_await exchange.body.discard(kMostToDiscard);
  }

  /// Null, or why even that failed.
  plait::Task<std::exception_ptr> try_to_refuse(Exchange& exchange, const HttpError& error, bool has_head) {
    try {
      // Where the next request begins is sure only if this one is understood and has been read to its end.
      const bool readable = has_head && !exchange.request.has_body && error.status() != 400;
      exchange.keep_alive = exchange.keep_alive && readable;
      co_await send_error(exchange, error.status(), error.what());
    } catch (...) {
      co_return std::current_exception();
    }
    co_return nullptr;
  }

  Worker& worker_;
  plait::Stream& stream_;
  Input input_;
  MessageParser parser_;
  const std::string address_;
  const std::string_view peer_;
};

}  // namespace

plait::Task<> handle_connection(Worker& worker, plait::Stream stream) {
  Connection connection(worker, stream);
  try {
    co_await connection.run();
  } catch (const std::system_error&) {
    // The client has gone, which is no fault of ours.
  } catch (const plait::TimeoutError&) {
    // It takes nothing of its answer.
  }
}

}  // namespace httpd
