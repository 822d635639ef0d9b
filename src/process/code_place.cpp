// SPDX-License-Identifier: BSL-1.0
#include "plait/process/code_place.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "plait/base/contract.hpp"

// A place is the id of its module, an offset, and, for what is not in the program itself, the path, so that who lacks
// it can name it. The receiver finds the module in its own table, and believes the offset only if a constant or
// function can lie there, which begins with a magic number. The ids of the builds are equal, so these are
// the same constants, and loading at another address changes nothing.

// NOLINTBEGIN(performance-no-int-to-ptr): an address is what a base and an offset give.
namespace plait::detail {
namespace {

const os::Module& module_by(const os::ModuleId& id, std::string_view path) {
  static const os::Module& program = os::program_module();
  if (program.id() == id) [[likely]]
    return program;
  if (const os::Module* const module = os::find_module(id)) return *module;
  if (path.empty()) {
    throw UnknownCall("plait: a call came from another build of this program (its build-id is " + os::id_text(id) +
                      ", here it is " + os::id_text(program.id()) + "): start both processes from the same file");
  }
  throw UnknownCall("plait: a call needs " + std::string(path) + " (build-id " + os::id_text(id) +
                    "), which is not loaded in this process: load the same file here before the call, for example in "
                    "the pool's initializer");
}

[[noreturn]] void refuse_place(const os::Module& home, std::uint64_t offset) {
  throw UnknownCall("plait: there is nothing to call at offset " + std::to_string(offset) + " of " + home.path() +
                    ", though its build-id is right: the message is damaged, or was written by something else");
}

struct Place {
  const os::Module& home;
  std::uint64_t offset;
  std::uintptr_t address() const noexcept { return home.base() + offset; }
};

Place read_place(Decoder& in) {
  const std::byte* const head = in.bytes(CodePlace::kHeadSize).data();
  os::ModuleId id;
  std::uint64_t offset;
  std::uint16_t length;
  std::memcpy(&id, head, sizeof id);
  std::memcpy(&offset, head + sizeof id, sizeof offset);
  std::memcpy(&length, head + sizeof id + sizeof offset, sizeof length);
  const std::span<const std::byte> path = in.bytes(length);
  return {module_by(id, {reinterpret_cast<const char*>(path.data()), path.size()}), offset};
}

/// Looks at memory of the module that may be anything, even the space between what AddressSanitizer knows.
__attribute__((no_sanitize("address"))) bool begins_with(const volatile std::uint64_t* words,
                                                         const Magic& magic) noexcept {
  return words[0] == magic.words[0] && words[1] == magic.words[1];
}

}  // namespace

CodePlace place_of(const void* address) {
  const os::Module* const home = os::module_of(address);
  if (home == nullptr) {
    misuse(
        "a function that is in no file (made at run time) can't be called in another process, which does not have it");
  }
  const std::uint64_t offset = reinterpret_cast<std::uintptr_t>(address) - home->base();
  const std::size_t length = home->is_program() ? 0 : home->path().size();
  const auto written = static_cast<std::uint16_t>(std::min<std::size_t>(length, UINT16_MAX));
  CodePlace place{};
  place.home = home;
  place.has_path = written != 0;
  std::memcpy(place.head, &home->id(), sizeof home->id());
  std::memcpy(place.head + sizeof home->id(), &offset, sizeof offset);
  std::memcpy(place.head + sizeof home->id() + sizeof offset, &written, sizeof written);
  return place;
}

void write_path(Encoder& out, const os::Module& home) {
  out.bytes(home.path().data(), std::min<std::size_t>(home.path().size(), UINT16_MAX));
}

void write_function(Encoder& out, const void* function, const os::Module& home) {
  const auto address = reinterpret_cast<std::uintptr_t>(function);
  if (function == nullptr) {
    misuse("a null pointer to a function can't be called in another process: give the call a function");
  }
  const bool at_home = home.holds(address, 1, true);
  if (at_home) {
    const std::uint64_t offset = address - home.base();
    std::byte* const to = out.place(1 + sizeof offset);
    *to = std::byte{1};
    std::memcpy(to + 1, &offset, sizeof offset);
  } else {
    out.raw(false);
    write_place(out, place_of(function));
  }
}

const void* read_function(Decoder& in, const os::Module& home) {
  const bool at_home = in.raw<unsigned char>() != 0;
  const Place place = at_home ? Place{home, in.raw<std::uint64_t>()} : read_place(in);
  if (!place.home.holds(place.address(), 1, true)) refuse_place(place.home, place.offset);
  return reinterpret_cast<const void*>(place.address());
}

FoundConstant read_constant(Decoder& in, std::size_t size, const Magic& magic) {
  const Place place = read_place(in);
  const std::uintptr_t address = place.address();
  if (address % alignof(std::uint64_t) != 0 || !place.home.holds(address, size, false) ||
      !begins_with(reinterpret_cast<const volatile std::uint64_t*>(address), magic)) {
    refuse_place(place.home, place.offset);
  }
  return {reinterpret_cast<const void*>(address), &place.home};
}

}  // namespace plait::detail
// NOLINTEND(performance-no-int-to-ptr)
