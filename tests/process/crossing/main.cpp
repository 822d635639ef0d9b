// SPDX-License-Identifier: BSL-1.0
// Makes calls in another process, an exec of the same program, with a pipe each way. They are linked in, or else in a
// shared object, $PLUGIN, which both processes load. Exits with the number of failures.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "work.hpp"

extern "C" [[gnu::weak]] std::vector<Case> plait_cases_1();
extern "C" [[gnu::weak]] std::vector<Case> plait_cases_2();

namespace {

std::vector<Case> all_cases() {
  Cases one = plait_cases_1, two = plait_cases_2;
  if (const char* const path = std::getenv("PLUGIN")) {
    void* const plugin = ::dlopen(path, RTLD_NOW);
    if (plugin == nullptr) {
      std::fprintf(stderr, "%s\n", ::dlerror());
      std::exit(99);
    }
    one = reinterpret_cast<Cases>(::dlsym(plugin, "plait_cases_1"));
    two = reinterpret_cast<Cases>(::dlsym(plugin, "plait_cases_2"));
  }
  std::vector<Case> cases = one();
  for (Case& each : two()) cases.push_back(std::move(each));
  return cases;
}

std::uintptr_t where() { return reinterpret_cast<std::uintptr_t>(&all_cases); }

void write_message(int to, std::span<const std::byte> bytes) {
  const std::size_t size = bytes.size();
  if (::write(to, &size, sizeof size) != sizeof size || ::write(to, bytes.data(), size) != static_cast<ssize_t>(size)) {
    std::abort();
  }
}
bool read_exactly(int from, void* to, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const ssize_t n = ::read(from, static_cast<char*>(to) + at, size - at);
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}
bool read_message(int from, std::vector<std::byte>& bytes) {
  std::size_t size = 0;
  if (!read_exactly(from, &size, sizeof size)) return false;
  bytes.resize(size);
  return read_exactly(from, bytes.data(), size);
}

int serve() {
  std::vector<std::byte> call;
  while (read_message(0, call)) {
    plait::Encoder result;
    plait::Decoder in(call);
    plait::detail::run_call(in, result);
    write_message(1, result.bytes());
  }
  return 0;
}

/// The same program again, with its standard streams here.
class Other {
 public:
  explicit Other(const char* how) {
    int there[2], back[2];
    if (::pipe(there) != 0 || ::pipe(back) != 0) std::abort();
    id_ = ::fork();
    if (id_ == 0) {
      ::dup2(there[0], 0);
      ::dup2(back[1], 1);
      ::close(there[1]);
      ::close(back[0]);
      ::execl("/proc/self/exe", "other", how, nullptr);
      ::_exit(98);
    }
    ::close(there[0]);
    ::close(back[1]);
    to_ = there[1];
    from_ = back[0];
  }
  ~Other() {
    ::close(to_);
    ::close(from_);
    ::waitpid(id_, nullptr, 0);
  }
  std::vector<std::byte> make(std::span<const std::byte> call) const {
    write_message(to_, call);
    std::vector<std::byte> result;
    if (!read_message(from_, result)) {
      std::fprintf(stderr, "the other process is gone\n");
      std::exit(97);
    }
    return result;
  }

 private:
  pid_t id_;
  int to_, from_;
};

template <class F>
bool passes(F f) {
  try {
    return f();
  } catch (const std::exception& e) {
    std::printf("%s\n", e.what());
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    if (std::strcmp(argv[1], "ready") == 0) all_cases();
    return serve();
  }
  const std::vector<Case> cases = all_cases();
  int failures = 0;
  const Other other("ready");
  for (const Case& each : cases) {
    const std::vector<std::byte> result = other.make(each.call);
    plait::Decoder in(result);
    if (passes([&] { return each.is_right(in); })) continue;
    std::printf("FAILED: %s\n", each.name.c_str());
    ++failures;
  }
  plait::Encoder call;
  plait::detail::encode_call(call, where);
  const std::vector<std::byte> result = other.make(call.bytes());
  plait::Decoder in(result);
  std::printf("%zu calls, %s", cases.size(),
              plait::detail::decode_result<std::uintptr_t>(in) == where() ? "same addresses" : "other addresses");
  if (const char* const path = std::getenv("PLUGIN")) {
    const Other without("without the plugin");
    const std::vector<std::byte> refused = without.make(cases.front().call);
    plait::Decoder why(refused);
    try {
      plait::detail::decode_result<int>(why);
      ++failures;
    } catch (const plait::UnknownCall& e) {
      if (std::strstr(e.what(), path) == nullptr) ++failures;
      std::printf(", refused without the plugin");
    }
  }
  std::printf("\n");
  return failures;
}
