// Files without a blocked loop: a tree is walked and its lines are counted, a file is replaced so that others see the
// old one or the new, and a directory is watched. Run it with a directory, or without one for /usr/include/linux.
#include <plait/plait.hpp>

#include <cstdio>
#include <string>

// Walks, opens and reads; what the kernel has in memory costs no thread.
plait::Task<long> count_lines(std::string directory) {
  long count = 0;
  auto entries = plait::walk(directory, {.errors = plait::WalkErrors::skip});
  while (auto entry = co_await entries.next()) {
    if (entry->type != plait::FileType::file) continue;
    plait::File file = co_await plait::open_file(entry->path);
    auto lines = file.lines();
    while (auto line = co_await lines.next()) ++count;
  }
  co_return count;
}

// The content is on the disk before the name is.
plait::Task<> replace_file(std::string directory, std::string name, std::string content) {
  plait::NamedTemporaryFile made = co_await plait::named_temporary_file({.directory = directory});
  co_await made.file.write(content);
  co_await made.file.sync();
  co_await plait::rename_file(made.path(), directory + "/" + name);
  static_cast<void>(made.keep());
  plait::File folder = co_await plait::open_file(directory);
  co_await folder.sync();
}

plait::Task<> amain(std::string directory) {
  std::printf("%ld lines\n", co_await count_lines(directory));

  plait::TemporaryDirectory place = co_await plait::temporary_directory();
  auto events = plait::watch_path(place.path(), plait::PathEvents::moved_to);
  co_await replace_file(place.path(), "settings", "answer=42\n");
  if (auto event = co_await events.next()) std::printf("%s came\n", event->path.c_str());
  co_await place.remove();
}

int main(int argc, char** argv) { plait::run(amain(argc > 1 ? argv[1] : "/usr/include/linux")); }
