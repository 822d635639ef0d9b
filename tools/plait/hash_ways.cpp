// SPDX-License-Identifier: BSL-1.0
// The CPU-bound half: the same files, read and hashed in each way.
#include <algorithm>
#include <thread>

#include "crew.hpp"
#include "parts.hpp"
#include "work_list.hpp"

namespace plait::tool {
namespace {

void hash_until_done(const NameList& names, WorkList& list) {
  HashBench bench;
  while (auto i = list.take()) list.settle(*i, hash_file(names[*i], bench));
}

// Awaits each call that may wait for the disk, and hashes between them, on the loop's thread.
Task<FileResult> hash_awaiting(const char* name, HashBench& bench) {
  RegularFile file = co_await to_thread([name] { return RegularFile(name); });
  while (!file.complete()) {
    const std::size_t got = co_await to_thread([&] { return file.read(bench.room()); });
    if (got == 0) break;
    bench.hash.update(bench.room().first(got));
  }
  co_return finished(file, bench);
}

Task<> hash_awaiting_until_done(const NameList& names, WorkList& list) {
  HashBench bench;
  while (auto i = list.take()) list.settle(*i, co_await hash_awaiting(names[*i], bench));
}

Task<> send_to_threads_until_done(const NameList& names, WorkList& list) {
  HashBench bench;
  while (auto i = list.take()) {
    list.settle(*i, co_await to_thread([&bench, name = names[*i]] { return hash_file(name, bench); }));
  }
}

}  // namespace

Sample hash_files(Way way, const NameList& names, const Board& board) {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
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
    case Way::kCoroutinesAndThreads:
      return run(crew_of_tasks(meter, 2 * cores, [&] { return send_to_threads_until_done(names, list); }));
  }
  return meter.stop();
}

}  // namespace plait::tool
