// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "plait/core/task.hpp"
#include "plait/io/readiness.hpp"
#include "plait/os/fd.hpp"
#include "plait/os/memory_file.hpp"
#include "plait/process/codec.hpp"

namespace plait {
namespace shared {

/// The other end of a Connection is closed, or its process has ended, and all that it had sent was received (Python's
/// EOFError).
class EndOfStream : public std::runtime_error {
 public:
  EndOfStream() : std::runtime_error("the other end of the Connection is closed") {}
};

}  // namespace shared

namespace detail {

/// One end of a pair of sockets that keep the bounds of messages. A message is one packet, with its descriptors; a
/// large one lies in a memory file that the packet carries. So a message is sent or it is not, whoever is killed or
/// cancelled.
class ConnectionEnd {
 public:
  /// Two ends. Throws std::system_error.
  static std::pair<ConnectionEnd, ConnectionEnd> make_pair();
  /// Throws DecodeError for what is no end.
  explicit ConnectionEnd(os::Fd fd);
  ConnectionEnd(ConnectionEnd&&) noexcept = default;
  ConnectionEnd& operator=(ConnectionEnd&& other) noexcept;
  ~ConnectionEnd() { close(); }

  /// What was received.
  struct Received {
    /// Of the message: in `small`, or in `large`.
    std::span<const std::byte> bytes;
    std::vector<std::byte> small;
    os::MemoryFile large;
    std::vector<os::Fd> descriptors;
  };

  /// Throws Cancelled where a checkpoint does.
  void checkpoint() const;
  /// False: the other end has not received enough yet. Throws std::system_error: EPIPE once the other end is closed.
  bool try_send(Encoder& message) const;
  /// False: there is none yet. Throws EndOfStream.
  bool try_receive(Received& received) const;
  bool can_receive() const noexcept;
  void close() noexcept;
  os::Fd release() noexcept { return std::move(fd_); }
  /// std::logic_error if it is closed or was moved from.
  int fd() const;
  bool is_open() const noexcept { return fd_.valid(); }

 private:
  os::Fd fd_;
};

}  // namespace detail

namespace shared {

template <class T>
class Connection;

/// A new pipe: two ends, each of which sends to the other (multiprocessing.Pipe). Throws std::system_error.
template <class T>
std::pair<Connection<T>, Connection<T>> pipe();

/// One end of a pipe for messages of type T (multiprocessing.connection.Connection), for tasks and threads. Move-only:
/// an end has one owner, and moved to another process it is no more here; so the end of the owner, by whatever cause,
/// is seen at the other end at once.
///
/// T is anything that may cross to another process, of any size, descriptors and shared objects included. Several
/// strands may send and receive at a time; each message goes to one of them. Orders: a send happens before the recv of
/// its message. Lifetime: it outlives its operations.
template <class T>
class Connection {
 public:
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = default;

  /// Sends a message; waits while the other end is behind by more than the system buffers. In a task `co_await`, in a
  /// thread `sync_wait`. Throws std::system_error (EPIPE) once the other end is closed, and what the encoding throws.
  /// On cancel: nothing was sent. On g++-12 name an aggregate before you send it, and std::move the name.
  Task<> send(T message) {
    detail::require_portable<T>();
    end_.checkpoint();
    Encoder encoder;
    encoder.write(std::move(message));
    while (!end_.try_send(encoder)) co_await writable(end_.fd());
  }
  /// Receives the next message; waits while there is none. In a task `co_await`, in a thread `sync_wait`. Throws
  /// EndOfStream once the other end is closed and all is received. On cancel: nothing was received.
  Task<T> recv() {
    end_.checkpoint();
    detail::ConnectionEnd::Received received;
    while (!end_.try_receive(received)) co_await readable(end_.fd());
    Decoder decoder(received.bytes, received.descriptors);
    co_return decoder.read<T>();
  }
  /// As `recv`, but nothing if there is no message. Never waits; from any strand.
  std::optional<T> try_recv() {
    detail::ConnectionEnd::Received received;
    if (!end_.try_receive(received)) return std::nullopt;
    Decoder decoder(received.bytes, received.descriptors);
    return decoder.read<T>();
  }
  /// A `recv` would not wait: there is a message, or the end. Never waits; from any strand.
  bool poll() const noexcept { return end_.can_receive(); }
  /// Closes this end. Who waits for it on this loop gets std::system_error (EBADF). May be called again.
  void close() noexcept { end_.close(); }
  /// Neither closed nor moved from.
  bool is_open() const noexcept { return end_.is_open(); }
  /// The descriptor, which becomes readable with a message or the end; to wait for, not to read from.
  int fileno() const { return end_.fd(); }

 private:
  friend Codec<Connection>;
  template <class U>
  friend std::pair<Connection<U>, Connection<U>> pipe();
  explicit Connection(detail::ConnectionEnd end) noexcept : end_(std::move(end)) {}

  detail::ConnectionEnd end_;
};

template <class T>
std::pair<Connection<T>, Connection<T>> pipe() {
  auto [one, other] = detail::ConnectionEnd::make_pair();
  return {Connection<T>(std::move(one)), Connection<T>(std::move(other))};
}

}  // namespace shared

/// An end is moved across: the receiver has it, and the sender none.
template <class T>
struct Codec<shared::Connection<T>> {
  /// Takes the end from the sender.
  static void write(Encoder& encoder, shared::Connection<T>&& connection) {
    static_cast<void>(connection.end_.fd());
    encoder.descriptor(connection.end_.release());
  }
  /// Gives it to the receiver.
  static shared::Connection<T> read(Decoder& decoder) {
    return shared::Connection<T>(detail::ConnectionEnd(decoder.descriptor()));
  }
};

}  // namespace plait
