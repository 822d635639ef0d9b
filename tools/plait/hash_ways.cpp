// SPDX-License-Identifier: BSL-1.0
// The CPU-bound half: the same files, read and hashed in each way.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cores.hpp"
#include "crew.hpp"
#include "parts.hpp"
#include "reasons.hpp"
#include "regular_file.hpp"
#include "work_list.hpp"

namespace plait::tool {
namespace {

void hash_until_done(const NameList& names, WorkList& list) {
  HashBench bench;
  while (auto i = list.take()) list.settle(*i, hash_file(names[*i], bench));
}

// Awaits the opening and each read, and hashes between them, on the loop's thread.
Task<FileResult> hash_awaiting(const char* name, HashBench& bench) {
  Extent extent;
  int reason = 0;
  try {
    // Opening a FIFO would wait for its writer. The walk has just looked this name up, so it does not wait for a disk.
    struct stat now{};
    reason = ::stat(name, &now) == 0 ? int(unread_for_mode(now.st_mode)) : errno;
    if (reason != 0) co_return finished(bench, 0, reason);
    extent = Extent(static_cast<std::uint64_t>(now.st_size));
    File file = co_await open_file(name);
    while (!extent.complete()) {
      const std::size_t got = co_await file.read_some(bench.room());
      if (got == 0) {
        reason = extent.reason_at_end(file.native_handle());
        break;
      }
      extent.add(got);
      bench.hash.update(bench.room().first(got));
    }
  } catch (const std::system_error& error) {
    reason = error.code().value();
  }
  co_return finished(bench, extent.got(), reason);
}

Task<> hash_awaiting_until_done(const NameList& names, WorkList& list) {
  HashBench bench;
  while (auto i = list.take()) list.settle(*i, co_await hash_awaiting(names[*i], bench));
}

Task<FileResult> hash_there(const char* name, HashBench& bench) { co_return hash_file(name, bench); }

Task<> send_to_threads_until_done(const NameList& names, WorkList& list, ThreadPool& pool) {
  HashBench bench;
  while (auto i = list.take()) {
    list.settle(*i, co_await on(pool, hash_there(names[*i], bench)));
  }
}

constexpr unsigned kMostProcesses = 64;  // that a ProcessPool takes

// In a worker; its bench is used again for each batch.
std::vector<FileResult> hash_batch(const std::vector<std::string>& names) {
  static HashBench bench;
  std::vector<FileResult> results;
  results.reserve(names.size());
  for (const std::string& name : names) results.push_back(hash_file(name.c_str(), bench));
  return results;
}

// A call costs more than hashing a small header; and the last batches should end at about the same time.
std::size_t batch_size(std::size_t files, unsigned cores) { return std::clamp<std::size_t>(files / cores / 32, 1, 64); }

Task<> send_to_processes_until_done(const NameList& names, WorkList& list, ProcessPool& pool, std::size_t batch) {
  while (auto first = list.take(batch)) {
    const std::size_t end = std::min(*first + batch, names.size());
    std::vector<std::string> part;
    for (std::size_t i = *first; i < end; ++i) part.emplace_back(names[i]);
    Future<std::vector<FileResult>> hashed = pool.submit(hash_batch, std::move(part));
    const std::vector<FileResult> results = co_await hashed;
    for (std::size_t i = *first; i < end; ++i) list.settle(i, results.at(i - *first));
  }
}

}  // namespace

Sample hash_files(Way way, const NameList& names, const Board& board) {
  const unsigned cores = usable_cores();
  Meter meter;
  WorkList list(board, meter);
  switch (way) {
    case Way::kSequential:
      hash_until_done(names, list);
      break;
    case Way::kThreads:
      crew_of_threads(meter, cores, [&] { hash_until_done(names, list); });
      break;
    case Way::kCoroutines:
      return run(crew_of_tasks(meter, 2 * cores, [&] { return hash_awaiting_until_done(names, list); }));
    case Way::kCoroutinesAndThreads: {
      ThreadPool pool({.size = static_cast<int>(cores)});
      return run(crew_of_tasks(meter, 2 * cores, [&] { return send_to_threads_until_done(names, list, pool); }));
    }
    case Way::kProcesses: {
      const std::size_t batch = batch_size(names.size(), cores);
      ProcessPool pool({.size = static_cast<int>(std::min(cores, kMostProcesses))});
      return run(
          crew_of_tasks(meter, 2 * cores, [&] { return send_to_processes_until_done(names, list, pool, batch); }));
    }
  }
  return meter.stop();
}

}  // namespace plait::tool
