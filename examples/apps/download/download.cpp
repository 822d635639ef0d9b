// SPDX-License-Identifier: BSL-1.0
#include "download.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace download {
namespace {

namespace fs = std::filesystem;
using plait::Task;

/// An error of the other side that may pass.
class Transient : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One that will not.
class Refused : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

bool is_final(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_TOO_MANY_REDIRECTS ||
         code == CURLE_PEER_FAILED_VERIFICATION;
}

/// A file that is written at its end, in `to_thread`'s threads, because a disk blocks.
class Sink {
 public:
  Sink(const fs::path& path, bool append) : path_(path), file_(std::fopen(path.c_str(), append ? "ab" : "wb")) {
    if (!file_) refuse();
  }
  Task<> write(std::string bytes) {
    const auto put = [this](const std::string& text) {
      if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) refuse();
    };
    co_await plait::to_thread(put, std::move(bytes));
  }
  Task<> finish() {
    const auto flush = [this] {
      if (std::fflush(file_.get()) != 0) refuse();
      file_.reset();
    };
    co_await plait::to_thread(flush);
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  [[noreturn]] void refuse() const { throw std::system_error(errno, std::generic_category(), path_.string()); }

  fs::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

/// One URL on its way into one file.
class Download {
 public:
  Download(curl::Client& client, std::string url, fs::path file, const Settings& settings)
      : client_(client), settings_(settings), url_(std::move(url)), file_(std::move(file)) {
    part_ = etag_ = file_;
    part_ += ".part";
    etag_ += ".part.etag";
  }

  Task<Outcome> run() {
    plait::Duration pause = settings_.pause;
    for (int left = settings_.retries;; --left) {
      std::string error;
      try {
        co_await attempt();
        co_return outcome("");
      } catch (const Refused& e) {
        co_return outcome(e.what());
      } catch (const curl::Error& e) {
        error = e.what();
        if (is_final(e.code())) co_return outcome(std::move(error));
      } catch (const Transient& e) {
        error = e.what();
      } catch (const plait::TimeoutError&) {
        error = "no byte came for too long";
      }
      if (left <= 0) co_return outcome(std::move(error));
      co_await plait::sleep(pause);
      pause *= 2;
    }
  }

 private:
  Outcome outcome(std::string error) const {
    return {.url = url_, .file = file_, .bytes = done_, .error = std::move(error)};
  }

  Task<> attempt() {
    done_ = 0;
    std::vector<std::string> headers;
    // Only with the mark of a version may the rest be asked for: else it may be the rest of another file.
    const std::string mark = first_line(etag_);
    if (!mark.empty() && fs::exists(part_)) {
      done_ = static_cast<std::int64_t>(fs::file_size(part_));
      headers = {"Range: bytes=" + std::to_string(done_) + "-", "If-Range: " + mark};
    }
    curl::Transfer transfer = client_.open(url_, {.headers = headers});
    curl::Response response = co_await plait::timeout(settings_.stall, transfer.response());
    if (response.status == 416) {  // there is nothing after what we have, or nothing that we know
      fs::remove(etag_);
      throw Transient("the server has no such rest");
    }
    if (response.status >= 500 || response.status == 429) throw Transient(status_text(response));
    if (response.status != 200 && response.status != 206) throw Refused(status_text(response));
    co_await receive(transfer, response);
    fs::rename(part_, file_);
    fs::remove(etag_);
  }

  Task<> receive(curl::Transfer& transfer, const curl::Response& response) {
    if (response.status == 200) done_ = 0;
    Sink sink(part_, done_ != 0);
    if (response.status == 200) note_version(response);
    std::optional<std::int64_t> total;
    if (const auto length = response.header("Content-Length")) total = done_ + std::stoll(std::string(*length));
    const std::string title = file_.filename().string();
    plait::ProgressBar bar({.title = title, .total = total, .unit = "B", .unit_scale = 1024});
    bar.advance(done_);
    while (auto bytes = co_await plait::timeout(settings_.stall, transfer.next())) {
      const auto size = static_cast<std::int64_t>(bytes->size());
      co_await sink.write(std::move(*bytes));
      done_ += size;
      bar.advance(size);
    }
    co_await sink.finish();
  }

  /// After the .part of another version has been emptied.
  void note_version(const curl::Response& response) const {
    const auto mark = response.header("ETag");
    if (mark && !mark->starts_with("W/")) {  // a weak mark does not promise the same bytes
      std::ofstream(etag_) << *mark << '\n';
    } else {
      fs::remove(etag_);
    }
  }

  static std::string status_text(const curl::Response& response) {
    return "the server answered " + std::to_string(response.status);
  }

  curl::Client& client_;
  const Settings& settings_;
  std::string url_;
  fs::path file_, part_, etag_;
  std::int64_t done_ = 0;
};

}  // namespace

std::string name_of(const std::string& url) {
  const std::string path = url.substr(0, url.find_first_of("?#"));
  const std::size_t host = path.find("://");
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || (host != std::string::npos && slash < host + 3)) return "index.html";
  const std::string name = path.substr(slash + 1);
  return name.empty() || name == "." || name == ".." ? "index.html" : name;
}

Task<std::vector<Outcome>> all(std::vector<std::string> urls, const Settings& settings) {
  curl::Client client;
  plait::Semaphore places(settings.at_once);
  std::map<std::string, int> used;
  std::vector<Task<Outcome>> tasks;
  const auto one = [&](std::string url, fs::path file) -> Task<Outcome> {
    const auto place = co_await places.guard();
    Download download(client, std::move(url), std::move(file), settings);
    co_return co_await download.run();
  };
  for (const std::string& url : urls) {
    std::string name = name_of(url);
    if (const int before = used[name]++) name += "." + std::to_string(before);
    tasks.push_back(one(url, settings.folder / name));
  }
  co_return co_await plait::gather(std::move(tasks));
}

}  // namespace download
