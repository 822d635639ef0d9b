// SPDX-License-Identifier: BSL-1.0
//
// Idea of `connect_tcp`. One address is one operation. Several are children of one task group, each with a place of its
// own for its connection or its error; the body starts the next when an Event says that the one before has failed, or
// the stagger is over. The first to connect claims the race in one word and cancels the group. A second one that was
// connected in the same turn finds the word taken, and its connection closes with the list.
#include "plait/io/tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "checkpoint.hpp"
#include "plait/sched/task_group.hpp"
#include "plait/sched/timeout.hpp"
#include "plait/sync/event.hpp"

namespace plait {
namespace detail {
namespace {

class TcpListenerState final : public ListenerState {
 public:
  TcpListenerState(os::Fd fd, const os::SocketAddress& address) : ListenerState(std::move(fd)), address_(address) {}
  std::string describe() const override { return address_.text(); }
  Stream accepted(os::Fd fd, const os::SocketAddress& peer) const override {
    return Stream(std::make_shared<SocketState>(std::move(fd), peer));
  }
  int port() const noexcept override { return address_.port(); }

 private:
  const os::SocketAddress address_;
};

Listener listener_on(const os::SocketAddress& address, const ListenOptions& options) {
  os::Fd fd = os::listen_on(address, options.backlog, options.reuse_port);
  const os::SocketAddress bound = os::local_address(fd.get());
  return Listener(std::make_unique<TcpListenerState>(std::move(fd), bound));
}

/// The connect of a stream that does not exist yet.
class Connect : public IoLeaf<Connect> {
 public:
  explicit Connect(SocketState& stream) noexcept : IoLeaf(Kind::connect, &stream) {
    buffer = const_cast<os::SocketAddress*>(&stream.peer);
  }
  std::int64_t take() const noexcept { return result; }
};

/// One address, and what became of it.
struct Attempt {
  explicit Attempt(const SocketAddress& address) : address(address) {}

  const SocketAddress address;
  std::shared_ptr<SocketState> stream;
  /// 0, or minus an errno.
  std::int64_t error = 0;
  Event failed;
};

Task<> try_address(Attempt& attempt, std::source_location at) {
  try {
    attempt.stream = std::make_shared<SocketState>(os::tcp_socket(attempt.address.family()), attempt.address);
  } catch (const std::system_error& refusal) {
    attempt.error = -refusal.code().value();  // there is none of its family
    co_return;
  }
  Connect connect(*attempt.stream);
  attempt.error = co_await AtLine<Connect&>(connect, address_of(at));
}

/// Several of them.
struct Race {
  std::vector<std::unique_ptr<Attempt>> attempts;
  /// Who was first; relaxed, as the end of the group shows all the rest.
  Atomic<Attempt*> winner{nullptr};
};

Task<> run_attempt(Race& race, Attempt& attempt, TaskGroup& group, std::source_location at) {
  co_await try_address(attempt, at);
  if (attempt.error != 0) {
    attempt.stream.reset();
    attempt.failed.set();
    co_return;
  }
  Attempt* nobody = nullptr;
  if (race.winner.compare_exchange_strong(nobody, &attempt, std::memory_order_relaxed)) group.cancel();
}

Task<> run_race(Race& race, Duration stagger, std::source_location at) {
  co_await with_task_group([&](TaskGroup& group) -> Task<> {
    for (const auto& attempt : race.attempts) {
      group.spawn(run_attempt(race, *attempt, group, at));
      if (attempt != race.attempts.back()) co_await move_on_after(stagger, attempt->failed.wait());
    }
  });
}

[[noreturn]] void refuse(const std::string& whom, const Race& race) {
  const auto& attempts = race.attempts;
  std::string what = "connect to " + (attempts.size() == 1 ? attempts.front()->address.text() : whom);
  if (attempts.size() > 1) {
    const char* separator = " (";
    for (const auto& attempt : attempts) {
      const auto code = static_cast<int>(-attempt->error);
      what += separator + attempt->address.text() + ": " + std::generic_category().message(code);
      separator = "; ";
    }
    what += ")";
  }
  os::throw_error(static_cast<int>(-attempts.front()->error), what);
}

Task<Stream> connect_to(std::string whom, std::vector<SocketAddress> addresses, ConnectOptions options,
                        std::source_location at) {
  Race race;
  for (const SocketAddress& address : addresses) {
    if (options.family != AddressFamily::any && address.is_v6() != (options.family == AddressFamily::v6)) continue;
    race.attempts.push_back(std::make_unique<Attempt>(address));
  }
  if (race.attempts.empty()) throw std::invalid_argument("plait: connect to " + whom + ": there is no address to try");
  if (race.attempts.size() == 1) {
    Attempt& only = *race.attempts.front();
    co_await try_address(only, at);
    if (only.error == 0) co_return Stream(std::move(only.stream));
  } else {
    co_await run_race(race, options.stagger, at);
    if (Attempt* winner = race.winner.load(std::memory_order_relaxed)) co_return Stream(std::move(winner->stream));
  }
  refuse(whom, race);
}

}  // namespace

std::vector<SocketAddress> interleaved(std::span<const SocketAddress> addresses) {
  std::vector<SocketAddress> ordered(addresses.begin(), addresses.end());
  for (std::size_t i = 1; i < ordered.size(); ++i) {
    const auto rest = ordered.begin() + static_cast<std::ptrdiff_t>(i);
    const bool want_v6 = !ordered[i - 1].is_v6();
    const auto next =
        std::find_if(rest, ordered.end(), [&](const SocketAddress& each) { return each.is_v6() == want_v6; });
    if (next != ordered.end()) std::rotate(rest, next, next + 1);
  }
  return ordered;
}

}  // namespace detail

Task<Listener> listen_tcp(std::string host, int port, ListenOptions options, std::source_location at) {
  const std::uint16_t checked = detail::checked_port(port);
  if (host.empty()) {
    co_await detail::Checkpoint{};
    try {
      co_return detail::listener_on(SocketAddress::any(true, checked), options);
    } catch (const std::system_error& error) {
      if (error.code().value() != EAFNOSUPPORT) throw;
    }
    co_return detail::listener_on(SocketAddress::any(false, checked), options);
  }
  const ResolveOptions passive{.passive = true};
  const auto addresses = co_await resolve(std::move(host), port, passive, at);
  co_return detail::listener_on(addresses.front(), options);
}

Task<Stream> connect_tcp(std::string host, int port, ConnectOptions options, std::source_location at) {
  const ResolveOptions which{.family = options.family};
  const auto addresses = co_await resolve(host, port, which, at);
  const std::string whom = "\"" + host + "\" port " + std::to_string(port);
  co_return co_await detail::connect_to(whom, detail::interleaved(addresses), options, at);
}

Task<Stream> connect_tcp(std::vector<SocketAddress> addresses, ConnectOptions options, std::source_location at) {
  return detail::connect_to("any of the addresses", std::move(addresses), options, at);
}

}  // namespace plait
