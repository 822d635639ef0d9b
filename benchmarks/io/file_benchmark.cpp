// SPDX-License-Identifier: BSL-1.0
//
// Files that the kernel has in memory: the headers under /usr/include, opened, read to their end and closed, and one
// file that is read and written in pieces; beside the system calls alone. The argument is the poller: 0 epoll,
// 1 io_uring.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "plait/io/directory.hpp"
#include "plait/io/file.hpp"
#include "plait/io/temporary_file.hpp"
#include "plait/sched/run.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace {

constexpr std::size_t kMost = 4000;

Task<std::vector<std::string>> some_headers() {
  std::vector<std::string> paths;
  auto entries = walk("/usr/include");
  while (auto entry = co_await entries.next()) {
    if (entry->type == FileType::file && paths.size() < kMost) paths.push_back(std::move(entry->path));
  }
  co_return paths;
}

const std::vector<std::string>& headers() {
  static const std::vector<std::string> paths = run(some_headers());
  return paths;
}

RunOptions on_poller(const benchmark::State& state) {
  return {.poller = state.range(0) == 0 ? std::string_view("epoll") : std::string_view("io_uring")};
}

std::size_t read_by_hand(const std::string& path, std::string& buffer) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::size_t size = 0;
  for (ssize_t n = 1; n > 0; size += static_cast<std::size_t>(n > 0 ? n : 0))
    n = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return size;
}

void count(benchmark::State& state, std::size_t bytes, std::size_t files) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.SetItemsProcessed(static_cast<std::int64_t>(files));
}

void BM_HeadersByHand(benchmark::State& state) {
  std::string buffer(64 << 10, '\0');
  const std::vector<std::string>& paths = headers();
  std::size_t bytes = 0;
  for (const std::string& path : paths) read_by_hand(path, buffer);  // brings them into memory
  for (auto _ : state) {
    for (const std::string& path : paths) bytes += read_by_hand(path, buffer);
  }
  count(state, bytes, state.iterations() * headers().size());
}
BENCHMARK(BM_HeadersByHand)->UseRealTime();

Task<std::size_t> read_headers() {
  std::string buffer(64 << 10, '\0');
  std::size_t bytes = 0;
  for (const std::string& path : headers()) {
    File file = co_await open_file(path);
    std::size_t n = 0;
    while ((n = co_await file.read_some(buffer)) != 0) bytes += n;
  }
  co_return bytes;
}

void BM_Headers(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) bytes += run(read_headers(), on_poller(state));
  count(state, bytes, state.iterations() * headers().size());
}
BENCHMARK(BM_Headers)->Arg(0)->Arg(1)->UseRealTime();

Task<std::size_t> read_headers_whole() {
  std::size_t bytes = 0;
  for (const std::string& path : headers()) {
    File file = co_await open_file(path);
    bytes += (co_await file.read_all()).size();
  }
  co_return bytes;
}

void BM_HeadersWhole(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) bytes += run(read_headers_whole(), on_poller(state));
  count(state, bytes, state.iterations() * headers().size());
}
BENCHMARK(BM_HeadersWhole)->Arg(0)->Arg(1)->UseRealTime();

Task<std::size_t> read_headers_in_threads() {
  std::string buffer(64 << 10, '\0');
  std::size_t bytes = 0;
  for (const std::string& path : headers()) {
    auto read = to_thread(&read_by_hand, std::cref(path), std::ref(buffer));
    bytes += co_await read;
  }
  co_return bytes;
}

/// One hop to a thread for each file, for comparison.
void BM_HeadersInThreads(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) bytes += run(read_headers_in_threads());
  count(state, bytes, state.iterations() * headers().size());
}
BENCHMARK(BM_HeadersInThreads)->UseRealTime();

Task<std::size_t> count_lines() {
  std::size_t lines = 0;
  for (const std::string& path : headers()) {
    File file = co_await open_file(path);
    auto all = file.lines();
    while (auto line = co_await all.next()) ++lines;
  }
  co_return lines;
}

void BM_Lines(benchmark::State& state) {
  std::size_t lines = 0;
  for (auto _ : state) lines += run(count_lines(), on_poller(state));
  count(state, 0, lines);
}
BENCHMARK(BM_Lines)->Arg(0)->Arg(1)->UseRealTime();

Task<std::size_t> walk_headers() {
  std::size_t found = 0;
  auto entries = walk("/usr/include");
  while (auto entry = co_await entries.next()) ++found;
  co_return found;
}

void BM_Walk(benchmark::State& state) {
  std::size_t found = 0;
  for (auto _ : state) found += run(walk_headers());
  count(state, 0, found);
}
BENCHMARK(BM_Walk)->UseRealTime();

Task<> write_pieces(benchmark::State& state) {
  File file = co_await temporary_file();
  const std::string piece(static_cast<std::size_t>(state.range(1)), 'x');
  for (auto _ : state) co_await file.write_at(0, piece);
  count(state, state.iterations() * piece.size(), state.iterations());
}

void BM_Write(benchmark::State& state) { run(write_pieces(state), on_poller(state)); }
BENCHMARK(BM_Write)->ArgsProduct({{0, 1}, {4096, 1 << 20}})->UseRealTime();

void BM_WriteByHand(benchmark::State& state) {
  std::string path = "/tmp/plait_benchmark_XXXXXX";
  const int fd = ::mkstemp(path.data());
  ::unlink(path.c_str());
  const std::string piece(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(::pwrite(fd, piece.data(), piece.size(), 0));
  ::close(fd);
  count(state, state.iterations() * piece.size(), state.iterations());
}
BENCHMARK(BM_WriteByHand)->Arg(4096)->Arg(1 << 20)->UseRealTime();

}  // namespace
}  // namespace plait
