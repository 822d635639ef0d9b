// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <map>

#include "curl.hpp"

namespace curl {

/// A CURLM and the strands that wait on its behalf.
///
/// curl says by two callbacks what it waits for: a descriptor's readiness in one direction or both (`watch`), and the
/// time until which it waits at most (`set_timer`). For each there is a strand that waits by `readable`, `writable` or
/// `sleep`, and then tells curl (`act`), which does what can be done without waiting and calls back again.
class Driver {
 public:
  explicit Driver(ClientOptions options);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver();

  void add(Flight& flight);
  void remove(Flight& flight) noexcept;
  /// Something has happened to a descriptor, or (CURL_SOCKET_TIMEOUT) it is time.
  void act(curl_socket_t descriptor, int events) noexcept;

 private:
  /// What a waiting strand knows; without a driver when it is no longer wanted.
  struct Errand {
    Driver* driver;
    curl_socket_t descriptor;
    int events;
    std::chrono::milliseconds span;
  };
  /// Owns the strand that runs an errand.
  class Watcher {
   public:
    explicit Watcher(const Errand& errand);
    Watcher(Watcher&&) noexcept = default;
    Watcher& operator=(Watcher&&) = delete;
    /// Also from within the strand itself.
    ~Watcher();

   private:
    std::shared_ptr<Errand> errand_;
    plait::Future<void> strand_;
  };

  static plait::Task<> run(std::shared_ptr<Errand> errand);
  static int watch(CURL*, curl_socket_t descriptor, int what, void* self, void*) noexcept;
  static int set_timer(CURLM*, long milliseconds, void* self) noexcept;

  CURLM* multi_;
  /// By descriptor and direction.
  std::map<std::pair<curl_socket_t, int>, Watcher> watchers_;
  std::optional<Watcher> timer_;
};

/// One easy handle: what came of it, and who waits for that.
class Flight {
 public:
  /// Bytes that wait to be taken while curl goes on reading.
  static constexpr std::size_t kRoom = 256 << 10;

  Flight(std::shared_ptr<Driver> driver, const std::string& url, const Options& options);
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  ~Flight();

  CURL* handle() const noexcept { return handle_.get(); }
  /// Hands it to the driver, once.
  void begin();
  /// curl is through with it.
  void end(CURLcode code) noexcept;
  /// Lets curl go on if it was told to wait.
  void take_more();
  /// Throws what it ended with.
  void check() const;

  Response response;
  std::string ready;
  bool ended = false;
  /// There is something to take, or it has ended.
  plait::Event woken;

 private:
  template <class T>
  void set(CURLoption option, T value);
  static std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* self) noexcept;
  static std::size_t on_header(char* bytes, std::size_t, std::size_t size, void* self) noexcept;
  static int on_progress(void* self, curl_off_t total, curl_off_t received, curl_off_t, curl_off_t sent) noexcept;
  static int on_close(void*, curl_socket_t descriptor) noexcept;

  struct Free {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  };

  std::shared_ptr<Driver> driver_;
  std::unique_ptr<curl_slist, Free> headers_;
  std::unique_ptr<CURL, Free> handle_;
  bool begun_ = false;
  const std::function<void(const Progress&)>* progress_;
  std::string name_;
  bool paused_ = false;
  CURLcode code_ = CURLE_OK;
  std::exception_ptr thrown_;
  char why_[CURL_ERROR_SIZE] = "";
};

}  // namespace curl
