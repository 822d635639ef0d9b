// SPDX-License-Identifier: BSL-1.0
#include "plait/os/process_memory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

namespace plait::os {
namespace {

Fd open_for_reading(const std::string& path) { return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

std::string link_target(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

/// What the kernel calls a memory file, whose name is in no folder.
std::string memory_file_path(std::string_view name) { return "/memfd:" + std::string(name) + " (deleted)"; }

}  // namespace

std::size_t read_at(const Fd& file, std::uint64_t offset, void* to, std::size_t size) noexcept {
  const ssize_t n = ::pread(file.get(), to, size, static_cast<off_t>(offset));
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

ProcessMemory::ProcessMemory(int process, MemoryAccess access) : process_(process) {
  struct stat status;
  if (::stat(proc("").c_str(), &status) != 0) throw_error(ESRCH, "read process " + std::to_string(process));
  if (access == MemoryAccess::live) live_ = open_for_reading(proc("mem"));
  if (!live_.valid()) mappings_ = mappings();
}

std::string ProcessMemory::proc(std::string_view name) const {
  return "/proc/" + std::to_string(process_) + "/" + std::string(name);
}

std::size_t ProcessMemory::read(std::uint64_t address, void* to, std::size_t size) {
  return live_.valid() ? read_at(live_, address, to, size) : read_files(address, to, size);
}

std::optional<std::string> ProcessMemory::read_string(std::uint64_t address, std::size_t most) {
  std::string text;
  while (text.size() < most) {
    std::array<char, 256> part;
    const std::size_t n = read(address + text.size(), part.data(), std::min(part.size(), most - text.size()));
    const char* end = std::find(part.data(), part.data() + n, '\0');
    text.append(part.data(), static_cast<std::size_t>(end - part.data()));
    if (end != part.data() + n) return text;
    if (n == 0) break;
  }
  return std::nullopt;
}

std::vector<Fd> ProcessMemory::open_memory_files(std::string_view name) const {
  const std::string folder = proc("fd");
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), &::closedir);
  if (!entries) throw_error(errno, "open " + folder);
  const std::string path = memory_file_path(name);
  std::vector<Fd> files;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string link = folder + "/" + entry->d_name;
    if (link_target(link) != path) continue;
    if (Fd file = open_for_reading(link); file.valid()) files.push_back(std::move(file));
  }
  return files;
}

std::vector<std::uint64_t> ProcessMemory::memory_file_addresses(std::string_view name) const {
  const std::string path = memory_file_path(name);
  std::vector<std::uint64_t> addresses;
  for (const Mapping& mapping : mappings()) {
    if (mapping.path == path && mapping.offset == 0) addresses.push_back(mapping.start);
  }
  return addresses;
}

int ProcessMemory::id_as_it_sees_it() const {
  std::ifstream status(proc("status"));
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("NSpid:")) continue;
    int id = process_;
    const std::size_t last = line.find_last_of("\t ") + 1;
    std::from_chars(line.data() + last, line.data() + line.size(), id);
    return id;
  }
  return process_;
}

std::vector<ProcessMemory::Mapping> ProcessMemory::mappings() const {
  std::vector<Mapping> list;
  std::ifstream maps(proc("maps"));
  for (std::string line; std::getline(maps, line);) {
    unsigned long long start, end, offset, inode;
    unsigned device_major, device_minor;
    int path = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx %*4s %llx %x:%x %llu %n", &start, &end, &offset, &device_major,
                    &device_minor, &inode, &path) != 6) {
      continue;
    }
    list.push_back(
        {start, end, offset, inode, device_major, device_minor, line.substr(static_cast<std::size_t>(path))});
  }
  return list;
}

/// The file behind a mapping, if it is still the one that was mapped.
const ElfImage* ProcessMemory::image_of(const Mapping& mapping) {
  if (mapping.inode == 0 || !mapping.path.starts_with('/')) return nullptr;
  const auto [entry, fresh] = images_.try_emplace(mapping.path);
  if (fresh) {
    if (link_target(proc("exe")) == mapping.path) {
      entry->second = ElfImage::open(open_for_reading(proc("exe")));
    } else if (Fd file = open_for_reading(proc("root") + mapping.path); file.valid()) {
      struct stat status;
      if (::fstat(file.get(), &status) == 0 && status.st_ino == mapping.inode &&
          major(status.st_dev) == mapping.device_major && minor(status.st_dev) == mapping.device_minor) {
        entry->second = ElfImage::open(std::move(file));
      }
    }
  }
  return entry->second ? &*entry->second : nullptr;
}

std::size_t ProcessMemory::read_files(std::uint64_t address, void* to, std::size_t size) {
  const auto mapping =
      std::ranges::find_if(mappings_, [&](const Mapping& m) { return address >= m.start && address < m.end; });
  if (mapping == mappings_.end()) return 0;
  const ElfImage* image = image_of(*mapping);
  if (!image) return 0;
  const auto linked = image->address_of_offset(address - mapping->start + mapping->offset);
  return linked ? image->read_some(*linked, address - *linked, to, size) : 0;
}

}  // namespace plait::os
