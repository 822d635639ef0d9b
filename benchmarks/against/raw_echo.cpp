// SPDX-License-Identifier: BSL-1.0
// The echo servers by hand: raw_echo epoll|io_uring. One thread, no timeouts, no errors but "the connection is gone".
#include <liburing.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../echo.hpp"

namespace by_epoll {

struct Connection {
  int fd;
  std::string unsent;
};

class Server {
 public:
  void serve(int listener) {
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, nullptr);
    std::array<epoll_event, 256> events;
    while (true) {
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) {
        auto* const connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (!connection) {
          accept_all(listener);
        } else if (connection->unsent.empty() ? !echo(*connection) : !send_rest(*connection)) {
          close(connection->fd);
          delete connection;
        }
      }
    }
  }

 private:
  void watch(int what, int fd, unsigned events, Connection* connection) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = connection;
    if (epoll_ctl(epoll_, what, fd, &event) != 0) bench::die("epoll_ctl");
  }
  void accept_all(int listener) {
    for (int fd; (fd = bench::accept_next(listener, SOCK_NONBLOCK)) >= 0;) {
      watch(EPOLL_CTL_ADD, fd, EPOLLIN, new Connection{fd, {}});
    }
  }
  /// What the peer does not take is kept, and it is not read from until that is gone.
  bool echo(Connection& connection) {
    const ssize_t n = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    ssize_t gone = send(connection.fd, buffer_.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
    if (gone == n) return true;
    if (gone < 0 && errno != EAGAIN) return false;
    if (gone < 0) gone = 0;
    connection.unsent.assign(buffer_.data() + gone, static_cast<std::size_t>(n - gone));
    watch(EPOLL_CTL_MOD, connection.fd, EPOLLOUT, &connection);
    return true;
  }
  bool send_rest(Connection& connection) {
    const ssize_t gone = send(connection.fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (gone < 0) return errno == EAGAIN;
    connection.unsent.erase(0, static_cast<std::size_t>(gone));
    if (connection.unsent.empty()) watch(EPOLL_CTL_MOD, connection.fd, EPOLLIN, &connection);
    return true;
  }

  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::array<char, 65536> buffer_;
};

}  // namespace by_epoll

namespace by_io_uring {

constexpr unsigned kBuffers = 512, kBufferSize = 16384;
enum Step : std::uint64_t { kAccept, kReceive, kSend, kClose };

/// A connection's received buffers are a queue; the first is being sent.
struct Connection {
  int fd;
  int first = -1, last = -1;
  bool over = false;
};

/// Accepts and receives without end by one request each, into a ring of buffers that the kernel takes from; sends from
/// where it received. One system call for all that is ready.
class Server {
 public:
  void serve(int listener) {
    set_up();
    accept_on(listener);
    while (true) {
      const int result = io_uring_submit_and_wait(&ring_, 1);
      if (result < 0 && result != -EINTR) bench::die("io_uring_enter", -result);
      io_uring_cqe* completion;
      unsigned head, n = 0;
      io_uring_for_each_cqe(&ring_, head, completion) {
        on_completion(*completion, listener);
        ++n;
      }
      io_uring_cq_advance(&ring_, n);
    }
  }

 private:
  struct Filled {
    int next;
    unsigned size, sent;
  };

  void set_up() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 16384;
    if (const int error = io_uring_queue_init_params(1024, &ring_, &params)) bench::die("io_uring_setup", -error);
    if (posix_memalign(reinterpret_cast<void**>(&buffers_), 4096, kBuffers * sizeof(io_uring_buf)) != 0) {
      bench::die("memory");
    }
    io_uring_buf_reg request{};
    request.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
    request.ring_entries = kBuffers;
    if (const int error = io_uring_register_buf_ring(&ring_, &request, 0)) bench::die("buffers", -error);
    io_uring_buf_ring_init(buffers_);
    for (unsigned i = 0; i < kBuffers; ++i) give_back(static_cast<int>(i));
  }
  char* bytes_of(int buffer) { return memory_.get() + static_cast<std::size_t>(buffer) * kBufferSize; }
  void give_back(int buffer) {
    const int mask = io_uring_buf_ring_mask(kBuffers);
    io_uring_buf_ring_add(buffers_, bytes_of(buffer), kBufferSize, static_cast<unsigned short>(buffer), mask, 0);
    io_uring_buf_ring_advance(buffers_, 1);
  }
  io_uring_sqe& next_request() {
    io_uring_sqe* request;
    while (!(request = io_uring_get_sqe(&ring_))) io_uring_submit(&ring_);
    return *request;
  }
  static void mark(io_uring_sqe& request, Connection* connection, Step step) {
    request.user_data = reinterpret_cast<std::uintptr_t>(connection) | step;
  }
  void accept_on(int listener) {
    io_uring_sqe& request = next_request();
    io_uring_prep_multishot_accept(&request, listener, nullptr, nullptr, SOCK_CLOEXEC);
    mark(request, nullptr, kAccept);
  }
  void receive(Connection& connection) {
    io_uring_sqe& request = next_request();
    io_uring_prep_recv_multishot(&request, connection.fd, nullptr, 0, 0);
    request.flags |= IOSQE_BUFFER_SELECT;
    mark(request, &connection, kReceive);
  }
  void send_first(Connection& connection) {
    const Filled& filled = filled_[static_cast<std::size_t>(connection.first)];
    io_uring_sqe& request = next_request();
    io_uring_prep_send(&request, connection.fd, bytes_of(connection.first) + filled.sent, filled.size - filled.sent,
                       MSG_NOSIGNAL | MSG_WAITALL);
    mark(request, &connection, kSend);
  }
  /// Nothing more comes. What was received is still sent.
  void end_if_idle(Connection& connection) {
    if (!connection.over || connection.first >= 0) return;
    io_uring_sqe& request = next_request();
    io_uring_prep_close(&request, connection.fd);
    request.flags |= IOSQE_CQE_SKIP_SUCCESS;
    mark(request, nullptr, kClose);
    delete &connection;
  }
  void drop_first(Connection& connection) {
    const int buffer = connection.first;
    connection.first = filled_[static_cast<std::size_t>(buffer)].next;
    give_back(buffer);
  }

  void on_completion(const io_uring_cqe& completion, int listener) {
    auto* const connection = reinterpret_cast<Connection*>(completion.user_data & ~std::uint64_t{7});
    const bool more = (completion.flags & IORING_CQE_F_MORE) != 0;
    switch (static_cast<Step>(completion.user_data & 7)) {
      case kAccept:
        if (completion.res >= 0) {
          bench::set_no_delay(completion.res);
          receive(*new Connection{completion.res});
        }
        if (!more) accept_on(listener);
        break;
      case kReceive:
        on_received(*connection, completion, more);
        break;
      case kSend:
        on_sent(*connection, completion.res);
        break;
      case kClose:
        break;
    }
  }
  void on_received(Connection& connection, const io_uring_cqe& completion, bool more) {
    if (completion.res > 0) {
      const int buffer = static_cast<int>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
      filled_[static_cast<std::size_t>(buffer)] = {-1, static_cast<unsigned>(completion.res), 0};
      const bool idle = connection.first < 0;
      (idle ? connection.first : filled_[static_cast<std::size_t>(connection.last)].next) = buffer;
      connection.last = buffer;
      if (idle) send_first(connection);
      if (!more) receive(connection);
    } else if (completion.res == -ENOBUFS) {
      if (!more) receive(connection);
    } else if (!more) {
      connection.over = true;
      end_if_idle(connection);
    }
  }
  void on_sent(Connection& connection, int result) {
    Filled& filled = filled_[static_cast<std::size_t>(connection.first)];
    if (result < 0) {
      shutdown(connection.fd, SHUT_RDWR);
      while (connection.first >= 0) drop_first(connection);
    } else if ((filled.sent += static_cast<unsigned>(result)) == filled.size) {
      drop_first(connection);
    }
    if (connection.first >= 0) {
      send_first(connection);
    } else {
      end_if_idle(connection);
    }
  }

  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  std::unique_ptr<char[]> memory_{new char[std::size_t{kBuffers} * kBufferSize]};
  std::array<Filled, kBuffers> filled_{};
};

}  // namespace by_io_uring

int main(int argc, char** argv) {
  const std::string_view way = argc == 2 ? argv[1] : "";
  if (way != "epoll" && way != "io_uring") return 2;
  const int listener = bench::listen_and_announce();
  if (way == "epoll") {
    by_epoll::Server().serve(listener);
  } else {
    by_io_uring::Server().serve(listener);
  }
}
