// SPDX-License-Identifier: BSL-1.0
#include "plait/os/elf_image.hpp"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace plait::os {
namespace {

#if defined(__aarch64__)
constexpr std::uint32_t kRelative = R_AARCH64_RELATIVE;
#else
constexpr std::uint32_t kRelative = R_X86_64_RELATIVE;
#endif
constexpr int kPacked = 36, kPackedSize = 35;  // DT_RELR, DT_RELRSZ: not in every <elf.h>
constexpr std::uint64_t kMostBytes = 64 << 20, kMostRelocations = 8 << 20;

bool read_exactly(const Fd& file, std::uint64_t offset, void* to, std::size_t size) noexcept {
  return ::pread(file.get(), to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

}  // namespace

std::optional<ElfImage> ElfImage::open(Fd file) {
  ElfImage image(std::move(file));
  if (!image.file_.valid() || !image.parse()) return std::nullopt;
  return image;
}

bool ElfImage::parse() {
  Elf64_Ehdr header;
  if (!read_exactly(file_, 0, &header, sizeof header)) return false;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) return false;
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > 1024) return false;
  Elf64_Phdr dynamic{};
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part;
    if (!read_exactly(file_, header.e_phoff + i * sizeof part, &part, sizeof part)) return false;
    if (part.p_type == PT_LOAD) segments_.push_back({part.p_offset, part.p_vaddr, part.p_filesz});
    if (part.p_type == PT_DYNAMIC) dynamic = part;
  }
  read_dynamic(dynamic.p_offset, dynamic.p_filesz);
  std::ranges::sort(relocations_, {}, &Relocation::address);
  return true;
}

void ElfImage::read_dynamic(std::uint64_t offset, std::uint64_t size) {
  std::uint64_t relative = 0, relative_size = 0, packed = 0, packed_size = 0;
  for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= std::min<std::uint64_t>(size, 1 << 16);
       at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry;
    if (!read_exactly(file_, offset + at, &entry, sizeof entry) || entry.d_tag == DT_NULL) break;
    switch (entry.d_tag) {
      case DT_RELA:
        relative = entry.d_un.d_ptr;
        break;
      case DT_RELASZ:
        relative_size = entry.d_un.d_val;
        break;
      case kPacked:
        packed = entry.d_un.d_ptr;
        break;
      case kPackedSize:
        packed_size = entry.d_un.d_val;
        break;
      default:
        break;
    }
  }
  read_relative(relative, std::min(relative_size, kMostBytes));
  read_packed(packed, std::min(packed_size, kMostBytes));
}

void ElfImage::read_relative(std::uint64_t address, std::uint64_t size) {
  std::vector<Elf64_Rela> table(size / sizeof(Elf64_Rela));
  table.resize(read_some(address, 0, table.data(), table.size() * sizeof(Elf64_Rela)) / sizeof(Elf64_Rela));
  for (const Elf64_Rela& entry : table) {
    if (ELF64_R_TYPE(entry.r_info) != kRelative) continue;
    relocations_.push_back({entry.r_offset, static_cast<std::uint64_t>(entry.r_addend), false});
  }
}

/// An even word is an address; an odd one has a bit for each of the 63 words that follow what came before.
void ElfImage::read_packed(std::uint64_t address, std::uint64_t size) {
  std::vector<std::uint64_t> table(size / sizeof(std::uint64_t));
  table.resize(read_some(address, 0, table.data(), table.size() * sizeof(std::uint64_t)) / sizeof(std::uint64_t));
  std::uint64_t next = 0;
  for (const std::uint64_t word : table) {
    if (relocations_.size() > kMostRelocations) return;
    if ((word & 1) == 0) {
      relocations_.push_back({word, 0, true});
      next = word + sizeof word;
      continue;
    }
    for (std::uint64_t bit = 1; bit < 64; ++bit) {
      if (word >> bit & 1) relocations_.push_back({next + (bit - 1) * sizeof word, 0, true});
    }
    next += 63 * sizeof word;
  }
}

std::optional<std::uint64_t> ElfImage::address_of_offset(std::uint64_t offset) const noexcept {
  for (const Segment& segment : segments_) {
    if (offset >= segment.offset && offset - segment.offset < segment.size) {
      return segment.address + (offset - segment.offset);
    }
  }
  return std::nullopt;
}

bool ElfImage::read(std::uint64_t address, std::uint64_t bias, void* to, std::size_t size) const noexcept {
  return read_some(address, bias, to, size) == size;
}

std::size_t ElfImage::read_some(std::uint64_t address, std::uint64_t bias, void* to, std::size_t size) const noexcept {
  const auto segment = std::ranges::find_if(
      segments_, [&](const Segment& s) { return address >= s.address && address - s.address < s.size; });
  if (segment == segments_.end()) return 0;
  const std::uint64_t within = address - segment->address;
  size = std::min<std::uint64_t>(size, segment->size - within);
  if (!read_exactly(file_, segment->offset + within, to, size)) return 0;
  auto next = std::ranges::lower_bound(relocations_, address, {}, &Relocation::address);
  if (size < sizeof(std::uint64_t)) return size;
  for (; next != relocations_.end() && next->address - address <= size - sizeof(std::uint64_t); ++next) {
    char* place = static_cast<char*>(to) + (next->address - address);
    std::uint64_t pointer = next->addend;
    if (next->in_place) std::memcpy(&pointer, place, sizeof pointer);
    pointer += bias;
    std::memcpy(place, &pointer, sizeof pointer);
  }
  return size;
}

}  // namespace plait::os
