// SPDX-License-Identifier: BSL-1.0
//
// What waits. It is all that an adapter for libcurl needs of Plait: a strand for each wait that curl asks for, stopped
// when curl asks for it no more. A strand may find itself stopped in the middle of `act`, because curl calls back from
// there; or stopped when its wait was over, but before it went on. So it looks at its errand after each step.
#include "driver.hpp"

#include <chrono>
#include <new>
#include <system_error>

namespace curl {

Driver::Driver(ClientOptions options) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  multi_ = ready == CURLE_OK ? curl_multi_init() : nullptr;
  if (!multi_) throw std::bad_alloc();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &watch);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &set_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, options.max_connections);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, options.max_connections_per_host);
}

Driver::~Driver() { curl_multi_cleanup(multi_); }

void Driver::add(Flight& flight) {
  if (const CURLMcode code = curl_multi_add_handle(multi_, flight.handle())) {
    throw Error(CURLE_FAILED_INIT, curl_multi_strerror(code));
  }
}

void Driver::remove(Flight& flight) noexcept { curl_multi_remove_handle(multi_, flight.handle()); }

void Driver::act(curl_socket_t descriptor, int events) noexcept {
  int running = 0;
  curl_multi_socket_action(multi_, descriptor, events, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Flight* flight = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flight);
    flight->end(message->data.result);
  }
}

Driver::Watcher::Watcher(const Errand& errand)
    : errand_(std::make_shared<Errand>(errand)), strand_(plait::spawn(run(errand_), {.name = "curl"})) {}

Driver::Watcher::~Watcher() {
  if (!errand_) return;
  errand_->driver = nullptr;
  strand_.cancel();
}

plait::Task<> Driver::run(std::shared_ptr<Errand> errand) {
  try {
    while (errand->driver) {
      switch (errand->events) {
        case CURL_CSELECT_IN:
          co_await plait::readable(errand->descriptor);
          break;
        case CURL_CSELECT_OUT:
          co_await plait::writable(errand->descriptor);
          break;
        default:
          co_await plait::sleep(errand->span);
      }
      if (!errand->driver) co_return;
      errand->driver->act(errand->descriptor, errand->events);
      if (errand->events == 0) co_return;
    }
  } catch (const std::system_error&) {  // the descriptor was closed meanwhile, or is none
    if (errand->driver) errand->driver->act(errand->descriptor, CURL_CSELECT_ERR);
  }
}

/// Called by curl: from now on `what` is of interest, and nothing else.
int Driver::watch(CURL*, curl_socket_t descriptor, int what, void* self, void*) noexcept {
  auto& driver = *static_cast<Driver*>(self);
  const auto want = [&](int events, bool wanted) {
    const std::pair key(descriptor, events);
    if (!wanted) {
      driver.watchers_.erase(key);
    } else if (!driver.watchers_.contains(key)) {
      driver.watchers_.emplace(key, Watcher({&driver, descriptor, events, {}}));
    }
  };
  try {
    want(CURL_CSELECT_IN, what == CURL_POLL_IN || what == CURL_POLL_INOUT);
    want(CURL_CSELECT_OUT, what == CURL_POLL_OUT || what == CURL_POLL_INOUT);
  } catch (...) {
    return -1;
  }
  return 0;
}

/// Called by curl: `act` is due in so many milliseconds, and not at the time that was said before; -1: not at all.
int Driver::set_timer(CURLM*, long milliseconds, void* self) noexcept {
  auto& driver = *static_cast<Driver*>(self);
  driver.timer_.reset();
  try {
    if (milliseconds >= 0) {
      driver.timer_.emplace(Errand{&driver, CURL_SOCKET_TIMEOUT, 0, std::chrono::milliseconds(milliseconds)});
    }
  } catch (...) {
    return -1;
  }
  return 0;
}

}  // namespace curl
