// SPDX-License-Identifier: BSL-1.0
//
// Idea. A program that is written to and read from in turns stands still as soon as a pipe is full that the other side
// does not look at. So input, output and errors each have a strand; where there is only one pipe, the caller's own.
#include "plait/process/conversation.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string_view>
#include <system_error>
#include <utility>

#include "plait/sched/gather.hpp"

namespace plait::detail {
namespace {

/// Cancelled passes; another error is kept, so that it comes out as it is and not as one of a group.
Task<> kept(Task<> part, std::exception_ptr& error) {
  try {
    co_await std::move(part);
  } catch (const Cancelled&) {
    throw;
  } catch (...) {
    error = std::current_exception();
  }
}

}  // namespace

Task<> Conversation::feed(std::source_location at) {
  if (!in || in->native_handle() < 0) co_return;
  while (sent_ < input.size()) {
    auto writing = in->write(std::string_view(input).substr(sent_));
    try {
      co_await AtLine<decltype(writing)&>(writing, address_of(at));
      sent_ = input.size();
    } catch (const std::system_error& error) {
      // It has read enough.
      if (error.code().value() != EPIPE) throw;
      sent_ = input.size();
    } catch (...) {
      sent_ += in->written();
      throw;
    }
  }
  in->close();
  input = {};
  sent_ = 0;
}

Task<> Conversation::collect(std::optional<Stream>& stream, std::optional<std::string>& text, std::source_location at) {
  if (!stream || text) co_return;
  text = co_await stream->read_all(at);
  stream->close();
}

Task<> Conversation::talk(std::source_location at) {
  const int pipes = (in && in->native_handle() >= 0) + out.has_value() + err.has_value();
  if (pipes <= 1) {
    // All but one of them do nothing.
    co_await feed(at);
    co_await collect(out, out_text_, at);
    co_await collect(err, err_text_, at);
    co_return;
  }
  std::exception_ptr feeding, reading, reading_errors;
  co_await gather(kept(feed(at), feeding), kept(collect(out, out_text_, at), reading),
                  kept(collect(err, err_text_, at), reading_errors));
  for (const std::exception_ptr& error : {reading, reading_errors, feeding}) {
    if (error) std::rethrow_exception(error);
  }
}

std::string Conversation::take(std::optional<std::string>& text, std::optional<Stream>& stream) {
  if (text) return std::move(*text);
  return stream ? stream->take_buffered() : std::string();
}

}  // namespace plait::detail
