// SPDX-License-Identifier: BSL-1.0
#include "plait/os/modules.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>

// The table of modules is made when it is first asked for, and made anew when it lacks something and the loader has
// loaded or unloaded objects since (it counts both). A table is never changed: readers take its pointer and need no
// lock. Tables and modules stay until the program ends, as callers keep what they were given; they are few. The program
// is the first object that the loader names, and can't be unloaded; of others, only a table as new as the loader's
// counts is asked, since the same place may hold something else by now.

namespace plait::os {

class ModuleTable {
 public:
  static const ModuleTable& current();
  static const ModuleTable& newest();
  const Module& program() const noexcept { return *modules_.front(); }
  const Module* of(std::uintptr_t address) const noexcept;
  const Module* find(const ModuleId& id) const noexcept;

 private:
  struct Count {
    unsigned long long loaded = 0, unloaded = 0;
    bool operator==(const Count&) const = default;
  };
  static Count count() noexcept;
  static int add(dl_phdr_info* info, std::size_t size, void* table);
  static const ModuleTable& make(const ModuleTable* stale);

  Count count_;
  std::vector<std::unique_ptr<Module>> modules_;
  std::unique_ptr<const ModuleTable> older_;
};

namespace {

std::atomic<const ModuleTable*> g_table{nullptr};
std::mutex g_making;

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) noexcept {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

/// For what was linked without a build-id: the code itself says which build it is.
ModuleId hash_code(const Module::Segment& code, ModuleId id) noexcept {
  const auto* bytes = reinterpret_cast<const unsigned char*>(code.first);  // NOLINT(performance-no-int-to-ptr)
  for (std::size_t at = 0; at + 8 <= code.size; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes + at, sizeof word);
    id.words[0] = mix(id.words[0], word);
    id.words[1] = mix(id.words[1] + 1, word);
  }
  return id;
}

bool read_build_id(const dl_phdr_info& info, const ElfW(Phdr) & part, ModuleId& id) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader's numbers are addresses.
  const auto* at = reinterpret_cast<const unsigned char*>(info.dlpi_addr + part.p_vaddr);
  const std::size_t align = part.p_align == 8 ? 8 : 4;
  const auto padded = [align](std::size_t size) { return (size + align - 1) / align * align; };
  for (std::size_t left = part.p_memsz; left >= sizeof(ElfW(Nhdr));) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const std::size_t name = padded(note.n_namesz), size = sizeof note + name + padded(note.n_descsz);
    if (size > left) return false;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(at + sizeof note, "GNU", 4) == 0) {
      std::memcpy(&id, at + sizeof note + name, std::min<std::size_t>(note.n_descsz, sizeof id));
      return note.n_descsz != 0;
    }
    at += size;
    left -= size;
  }
  return false;
}

std::string path_of_program() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : "the program";
}

}  // namespace

std::string id_text(const ModuleId& id) {
  std::string text;
  unsigned char bytes[sizeof id];
  std::memcpy(bytes, &id, sizeof id);
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

ModuleTable::Count ModuleTable::count() noexcept {
  Count now;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        *static_cast<Count*>(to) = {info->dlpi_adds, info->dlpi_subs};
        return 1;
      },
      &now);
  return now;
}

int ModuleTable::add(dl_phdr_info* info, std::size_t, void* to) {
  auto& table = *static_cast<ModuleTable*>(to);
  auto module = std::make_unique<Module>();
  module->base_ = info->dlpi_addr;
  module->program_ = table.modules_.empty();
  module->path_ = module->program_ ? path_of_program() : info->dlpi_name;
  bool has_id = false;
  for (const ElfW(Phdr)* part = info->dlpi_phdr; part != info->dlpi_phdr + info->dlpi_phnum; ++part) {
    if (part->p_type == PT_LOAD && (part->p_flags & PF_R) != 0) {
      module->segments_.push_back({info->dlpi_addr + part->p_vaddr, part->p_memsz, (part->p_flags & PF_X) != 0});
    }
    if (part->p_type == PT_NOTE && !has_id) has_id = read_build_id(*info, *part, module->id_);
  }
  for (const Module::Segment& segment : module->segments_) {
    if (!has_id && segment.code) module->id_ = hash_code(segment, module->id_);
  }
  table.modules_.push_back(std::move(module));
  return 0;
}

/// Another table than `stale`, or none if it is still right.
const ModuleTable& ModuleTable::make(const ModuleTable* stale) {
  const std::lock_guard guard(g_making);
  const ModuleTable* const latest = g_table.load(std::memory_order_acquire);
  if (latest != stale) return *latest;
  auto table = std::make_unique<ModuleTable>();
  table->count_ = count();
  dl_iterate_phdr(&ModuleTable::add, table.get());
  table->older_.reset(latest);
  g_table.store(table.get(), std::memory_order_release);
  return *table.release();
}

const ModuleTable& ModuleTable::current() {
  const ModuleTable* const table = g_table.load(std::memory_order_acquire);
  return table != nullptr ? *table : make(nullptr);
}

const ModuleTable& ModuleTable::newest() {
  const ModuleTable& table = current();
  return table.count_ == count() ? table : make(&table);
}

const Module* ModuleTable::of(std::uintptr_t address) const noexcept {
  for (const auto& module : modules_) {
    if (module->holds(address, 1, false) || module->holds(address, 1, true)) return module.get();
  }
  return nullptr;
}

const Module* ModuleTable::find(const ModuleId& id) const noexcept {
  for (const auto& module : modules_) {
    if (module->id() == id) return module.get();
  }
  return nullptr;
}

const Module& program_module() { return ModuleTable::current().program(); }

const Module* module_of(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const Module& program = program_module();
  if (program.holds(at, 1, true) || program.holds(at, 1, false)) return &program;
  return ModuleTable::newest().of(at);
}

const Module* find_module(const ModuleId& id) {
  const Module& program = program_module();
  if (program.id() == id) return &program;
  return ModuleTable::newest().find(id);
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : name;
}

namespace {

template <class T>
bool read_at(int file, std::uint64_t offset, T* to, std::size_t count) noexcept {
  const auto size = static_cast<ssize_t>(count * sizeof(T));
  return ::pread(file, to, count * sizeof(T), static_cast<off_t>(offset)) == size;
}

enum class Match : unsigned char { begin, within };

/// Looks the function up among all symbols of the file, where those that are not exported are, too.
std::string name_in_file(const Module& module, std::uint64_t address, Match match) {
  const char* const path = module.is_program() ? "/proc/self/exe" : module.path().c_str();
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const std::unique_ptr<const int, void (*)(const int*)> closed(&file, [](const int* f) { ::close(*f); });
  ElfW(Ehdr) header;
  if (!read_at(file, 0, &header, 1) || header.e_shentsize != sizeof(ElfW(Shdr))) return {};
  std::vector<ElfW(Shdr)> sections(header.e_shnum);
  if (!read_at(file, header.e_shoff, sections.data(), sections.size())) return {};
  for (const ElfW(Shdr) & section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    std::vector<ElfW(Sym)> symbols(section.sh_size / sizeof(ElfW(Sym)));
    if (!read_at(file, section.sh_offset, symbols.data(), symbols.size())) return {};
    for (const ElfW(Sym) & symbol : symbols) {
      const std::uint64_t size = match == Match::within ? symbol.st_size : 1;
      if ((symbol.st_info & 15) != STT_FUNC || address - symbol.st_value >= size) continue;
      char name[1024] = {};
      const std::uint64_t names = sections[section.sh_link].sh_offset;
      if (::pread(file, name, sizeof name - 1, static_cast<off_t>(names + symbol.st_name)) <= 0) return {};
      return demangled(name);
    }
  }
  return {};
}

std::string name_of_code(const void* code, Match match) {
  Dl_info info;
  const bool exported = ::dladdr(code, &info) != 0 && info.dli_sname != nullptr;
  if (exported && match == Match::begin && info.dli_saddr == code) return demangled(info.dli_sname);
  std::string name;
  if (const Module* const module = module_of(code)) {
    name = name_in_file(*module, reinterpret_cast<std::uintptr_t>(code) - module->base(), match);
  }
  // Without the file's own symbols, the nearest exported one before it; that may be another one's, but of those of the
  // C++ runtime, which has no others, it is not.
  if (name.empty() && exported && match == Match::within) name = demangled(info.dli_sname);
  return name;
}

/// Remembers what was asked before.
std::string name_once(const void* code, Match match) {
  static std::mutex naming;
  static auto* const known = new std::map<std::pair<const void*, Match>, std::string>();
  const std::lock_guard guard(naming);
  const auto [entry, is_new] = known->try_emplace({code, match});
  if (is_new) entry->second = name_of_code(code, match);
  return entry->second;
}

}  // namespace

std::string function_name(const void* code) { return name_once(code, Match::begin); }

std::string function_around(const void* code) { return name_once(code, Match::within); }

std::size_t first_address(const std::uintptr_t* words, std::size_t count) {
  std::size_t first = count;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    char* rest = nullptr;
    const std::uintptr_t begin = std::strtoull(line.c_str(), &rest, 16);
    const std::uintptr_t end = std::strtoull(rest + (*rest == '-' ? 1 : 0), nullptr, 16);
    const bool heap = line.ends_with("[heap]");
    for (std::size_t i = 0; i < first; ++i) {
      if (words[i] >= begin && words[i] < end && (heap || words[i] >> 32 != 0)) first = i;
    }
  }
  return first;
}

}  // namespace plait::os
