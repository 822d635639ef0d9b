// SPDX-License-Identifier: BSL-1.0
//
// What a user calls, and what curl tells about one transfer. The waiting is in driver.cpp.
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "driver.hpp"

namespace curl {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  return begin == std::string_view::npos || end == std::string_view::npos ? "" : text.substr(begin, end + 1 - begin);
}

plait::Task<Response> whole(Transfer transfer) {
  std::string body;
  while (auto bytes = co_await transfer.next()) body += *bytes;
  Response response = co_await transfer.response();
  response.body = std::move(body);
  co_return response;
}

}  // namespace

std::optional<std::string_view> Response::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && ::strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
  }
  return std::nullopt;
}

Flight::Flight(std::shared_ptr<Driver> driver, const std::string& url, const Options& options)
    : driver_(std::move(driver)), handle_(curl_easy_init()), progress_(options.on_progress) {
  if (!handle_) throw std::bad_alloc();
  name_ = std::string(!options.method.empty() ? options.method : options.body ? "POST" : "GET") + " " + url;
  set(CURLOPT_ERRORBUFFER, why_);
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a look-up that is given up is not waited for
  set(CURLOPT_FOLLOWLOCATION, options.max_redirects > 0 ? 1L : 0L);
  set(CURLOPT_MAXREDIRS, static_cast<long>(options.max_redirects));
  if (options.body) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(options.body->size()));
    set(CURLOPT_COPYPOSTFIELDS, std::string(*options.body).c_str());
  }
  if (options.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (!options.method.empty()) {
    set(CURLOPT_CUSTOMREQUEST, std::string(options.method).c_str());
  }
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, std::string(options.ca_file).c_str());
  for (const std::string& header : options.headers) {
    curl_slist* first = headers_.release();
    curl_slist* longer = curl_slist_append(first, header.c_str());
    headers_.reset(longer ? longer : first);
    if (!longer) throw std::bad_alloc();
  }
  set(CURLOPT_HTTPHEADER, headers_.get());
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_CLOSESOCKETFUNCTION, &on_close);
  if (progress_) {
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &on_progress);
    set(CURLOPT_XFERINFODATA, this);
  }
}

Flight::~Flight() {
  if (begun_) driver_->remove(*this);
}

void Flight::begin() {
  if (begun_) return;
  driver_->add(*this);
  begun_ = true;
}

template <class T>
void Flight::set(CURLoption option, T value) {
  if (const CURLcode code = curl_easy_setopt(handle(), option, value)) {
    throw Error(code, name_ + ": " + curl_easy_strerror(code));
  }
}

void Flight::end(CURLcode code) noexcept {
  code_ = code;
  ended = true;
  woken.set();
}

void Flight::check() const {
  if (!ended || code_ == CURLE_OK) return;
  if (thrown_) std::rethrow_exception(thrown_);
  throw Error(code_, name_ + ": " + (why_[0] ? why_ : curl_easy_strerror(code_)));
}

void Flight::take_more() {
  if (!ended) woken.clear();
  // This may call `on_body` at once.
  if (std::exchange(paused_, false)) curl_easy_pause(handle(), CURLPAUSE_CONT);
}

std::size_t Flight::on_body(char* bytes, std::size_t, std::size_t size, void* self) noexcept {
  auto& flight = *static_cast<Flight*>(self);
  if (flight.ready.size() >= kRoom) {
    flight.paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  try {
    flight.ready.append(bytes, size);
  } catch (...) {
    flight.thrown_ = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
  flight.woken.set();
  return size;
}

std::size_t Flight::on_header(char* bytes, std::size_t, std::size_t size, void* self) noexcept {
  auto& flight = *static_cast<Flight*>(self);
  const std::string_view line(bytes, size);
  try {
    if (line.starts_with("HTTP/")) {
      flight.response.headers.clear();  // those before led here, by a redirect for instance
    } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      flight.response.headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    }
  } catch (...) {
    flight.thrown_ = std::current_exception();
    return 0;
  }
  return size;
}

int Flight::on_progress(void* self, curl_off_t total, curl_off_t received, curl_off_t, curl_off_t sent) noexcept {
  auto& flight = *static_cast<Flight*>(self);
  Progress progress{.received = received, .sent = sent};
  if (total > 0) progress.total = total;
  try {
    (*flight.progress_)(progress);
  } catch (...) {
    flight.thrown_ = std::current_exception();
    return 1;
  }
  return 0;
}

int Flight::on_close(void*, curl_socket_t descriptor) noexcept {
  plait::notify_closing(descriptor);
  return ::close(descriptor);
}

Transfer::Transfer(std::unique_ptr<Flight> flight) noexcept : flight_(std::move(flight)) {}
Transfer::Transfer(Transfer&&) noexcept = default;
Transfer& Transfer::operator=(Transfer&&) noexcept = default;
Transfer::~Transfer() = default;

plait::Task<Response> Transfer::response() {
  Flight& flight = *flight_;
  flight.begin();
  co_await flight.woken.wait();
  if (flight.ready.empty()) flight.check();
  long status = 0;
  char* url = nullptr;
  curl_easy_getinfo(flight.handle(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(flight.handle(), CURLINFO_EFFECTIVE_URL, &url);
  Response response = flight.response;
  response.status = static_cast<int>(status);
  response.url = url ? url : "";
  co_return response;
}

plait::Task<std::optional<std::string>> Transfer::next() {
  Flight& flight = *flight_;
  flight.begin();
  co_await flight.woken.wait();
  if (flight.ready.empty()) {
    flight.check();
    co_return std::nullopt;
  }
  std::string bytes = std::exchange(flight.ready, {});
  flight.take_more();
  co_return bytes;
}

Client::Client(ClientOptions options) : driver_(std::make_shared<Driver>(options)) {}

Transfer Client::open(const std::string& url, const Options& options) {
  return Transfer(std::make_unique<Flight>(driver_, url, options));
}

plait::Task<Response> Client::fetch(const std::string& url, const Options& options) {
  return whole(open(url, options));
}

}  // namespace curl
