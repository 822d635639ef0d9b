// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "body.hpp"
#include "clock.hpp"
#include "message.hpp"
#include "settings.hpp"

namespace httpd {

/// One request, and what becomes of its answer.
struct Exchange {
  Exchange(const Settings& settings, Clock& clock, plait::Stream& stream, std::string_view peer, const Head& request,
           Body& body)
      : settings(settings), clock(clock), stream(stream), peer(peer), request(request), body(body) {}

  const Settings& settings;
  Clock& clock;
  plait::Stream& stream;
  const std::string_view peer;  ///< its address, without the port
  const Head& request;
  Body& body;
  bool keep_alive = false;
  int status = 0;          ///< of the answer, once that has begun
  std::uint64_t sent = 0;  ///< of its body

  bool is_head() const noexcept { return request.method == "HEAD"; }
};

/// The head of an answer.
class Answer {
 public:
  /// Begins with the status and what each answer has. `own`: it is ours, and not that of a server behind.
  Answer(Exchange& exchange, int status, bool own = true);
  Answer& field(std::string_view name, std::string_view value);
  Answer& length(std::uint64_t bytes);
  /// All of it, with the empty line.
  std::string_view text();
  int status() const noexcept { return status_; }

 private:
  const int status_;
  std::string text_;
};

/// "Not Found".
std::string_view reason_of(int status) noexcept;

/// Sends the head, and a body unless the request was HEAD.
plait::Task<> send_answer(Exchange& exchange, Answer& answer, std::string_view body = {});
/// Sends an error with a short page. `allow`: the methods, for 405.
plait::Task<> send_error(Exchange& exchange, int status, std::string_view why, std::string_view allow = {});

}  // namespace httpd
