// SPDX-License-Identifier: BSL-1.0
#include "plait/core/read_strands.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "core/record_image.hpp"
#include "plait/os/process_memory.hpp"

namespace plait {
namespace detail {
namespace {

constexpr std::size_t kPage = 64;  // records that are copied at a time
constexpr int kTries = 16;
constexpr std::uint64_t kMostRecords = std::uint64_t{1} << 26;

/// The bytes of a RegistryHeader.
struct HeaderImage {
  std::uint64_t magic;
  std::uint32_t version, header_size, record_size, name_size;
  std::int32_t process, padding;
  std::uint64_t capacity, address, used, unrecorded;
};
static_assert(sizeof(HeaderImage) == sizeof(RegistryHeader));

/// Copies bytes of a registry; how many there were.
using Source = std::function<std::size_t(std::uint64_t offset, void* to, std::size_t size)>;

template <class T>
bool read_all(const Source& source, std::uint64_t offset, T& to) {
  return source(offset, &to, sizeof to) == sizeof to;
}

bool is_sound(const HeaderImage& header, int process) {
  return header.magic == RegistryHeader::kMagic && header.version == RegistryHeader::kVersion &&
         header.header_size == RegistryHeader::kSize && header.record_size == sizeof(StrandRecord) &&
         header.name_size == sizeof(StrandName) && header.capacity <= kMostRecords && header.used <= header.capacity &&
         header.process == process;
}

/// What a std::source_location points to, in libstdc++ and libc++ alike.
struct LocationImage {
  std::uint64_t file, function;
  std::uint32_t line, column;
};

SourceLine line_of(os::ProcessMemory& memory, std::uint64_t address) {
  LocationImage location;
  if (memory.read(address, &location, sizeof location) != sizeof location) return {};
  std::optional<std::string> file = memory.read_string(location.file, 4096);
  return file && !file->empty() ? SourceLine{std::move(*file), location.line} : SourceLine{};
}

using Page = std::array<RecordImage, kPage>;
using Names = std::array<std::array<char, kNameSize>, kPage>;

/// Copies a page three times: a record is whole in the second copy if its sequence is even and the same in all.
void read_page(const Source& source, const HeaderImage& header, std::size_t first, StrandCollector& collector) {
  const std::uint64_t records = header.header_size + first * sizeof(RecordImage);
  const std::uint64_t all_names = header.header_size + header.capacity * sizeof(RecordImage);
  Page before, copy, after;
  Names names{};
  std::array<bool, kPage> whole{};
  for (int tries = 0; tries < kTries && !std::ranges::all_of(whole, std::identity()); ++tries) {
    Page again;
    if (!read_all(source, records, before) || !read_all(source, records, again)) return;
    Names names_again{};
    const bool named = std::ranges::any_of(again, [](const RecordImage& r) { return r.name_length != 0; });
    if (named && !read_all(source, all_names + first * kNameSize, names_again)) return;
    if (!read_all(source, records, after)) return;
    for (std::size_t i = 0; i < kPage; ++i) {
      const std::uint32_t sequence = again[i].sequence;
      if (whole[i] || sequence & 1 || before[i].sequence != sequence || after[i].sequence != sequence) continue;
      whole[i] = true;
      copy[i] = again[i];
      names[i] = names_again[i];
    }
  }
  for (std::size_t i = 0; i < kPage; ++i) {
    if (whole[i] && copy[i].name_length <= kNameSize) {
      collector.add(first + i, copy[i], {names[i].data(), copy[i].name_length});
    }
  }
}

bool read_registry(const Source& source, os::ProcessMemory& memory, int process, std::vector<StrandInfo>& strands) {
  HeaderImage header;
  if (!read_all(source, 0, header) || !is_sound(header, process)) return false;
  StrandCollector collector(header.address + header.header_size,
                            [&](std::uint64_t address) { return line_of(memory, address); });
  for (std::size_t first = 0; first + kPage <= header.used; first += kPage) {
    read_page(source, header, first, collector);
  }
  strands = std::move(collector).take();
  return true;
}

}  // namespace

std::vector<StrandInfo> read_strands(int process, os::MemoryAccess access) {
  os::ProcessMemory memory(process, access);
  const int id = memory.id_as_it_sees_it();
  std::vector<StrandInfo> strands;
  for (const os::Fd& file : memory.open_memory_files("plait-strands")) {
    const Source source = [&](std::uint64_t offset, void* to, std::size_t size) {
      return os::read_at(file, offset, to, size);
    };
    if (read_registry(source, memory, id, strands)) return strands;
  }
  // The program may have closed descriptors that it did not know.
  for (const std::uint64_t address : memory.memory_file_addresses("plait-strands")) {
    const Source source = [&](std::uint64_t offset, void* to, std::size_t size) {
      return memory.read(address + offset, to, size);
    };
    if (read_registry(source, memory, id, strands)) return strands;
  }
  return strands;
}

}  // namespace detail

std::vector<StrandInfo> read_strands(int process) { return detail::read_strands(process, os::MemoryAccess::live); }

}  // namespace plait
