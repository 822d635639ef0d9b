// SPDX-License-Identifier: BSL-1.0
#include "plait/core/dump.hpp"

#include <cstring>
#include <iostream>

#include "core/record_image.hpp"

namespace plait {
namespace {

using detail::RecordImage;
using detail::StrandRecord;

/// Copies that fail that often in a row are of a record that changes all the time; it is left out.
constexpr int kTries = 100;

/// Acquire throughout: if one of the values was written by a later writer, `sequence` is seen changed at the end.
bool copy_once(const StrandRecord& r, const detail::StrandName& words, RecordImage& copy, char* name) noexcept {
  constexpr auto acquire = std::memory_order_acquire;
  const auto address = [](const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); };
  copy.sequence = r.sequence.load(acquire);
  if (copy.sequence & 1) return false;
  copy.state = static_cast<std::uint8_t>(r.state.load(acquire));
  copy.wait = static_cast<std::uint8_t>(r.wait.load(acquire));
  copy.kind = static_cast<std::uint8_t>(r.kind.load(acquire));
  copy.name_length = r.name_length.load(acquire);
  copy.id = r.id.load(acquire);
  copy.parent = r.parent.load(acquire);
  copy.spawned_at = address(r.spawned_at.load(acquire));
  copy.awaits_at = address(r.awaits_at.load(acquire));
  copy.object = address(r.object.load(acquire));
  copy.thread_id = r.thread_id.load(acquire);
  for (std::size_t at = 0; at < copy.name_length; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = words.words[at / sizeof word].load(acquire);
    std::memcpy(name + at, &word, sizeof word);
  }
  return r.sequence.load(std::memory_order_relaxed) == copy.sequence;
}

SourceLine own_line(std::uint64_t address) {
  const auto at = __builtin_bit_cast(std::source_location, static_cast<std::uintptr_t>(address));
  return {at.file_name(), at.line()};
}

}  // namespace

std::vector<StrandInfo> strands() {
  detail::RegistryHeader* header = detail::strand_registry();
  if (!header) return {};
  StrandRecord* records = header->records();
  detail::StrandCollector collector(reinterpret_cast<std::uintptr_t>(records), own_line);
  const std::size_t used = header->used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    RecordImage copy{};
    char name[detail::kNameSize];
    int tries = 0;
    while (!copy_once(records[i], header->names()[i], copy, name) && ++tries < kTries) {
    }
    if (tries < kTries) collector.add(i, copy, {name, copy.name_length});
  }
  return std::move(collector).take();
}

void dump(std::ostream& out) {
  print_strands(out, strands());
  detail::RegistryHeader* header = detail::strand_registry();
  const std::uint64_t more = header ? header->unrecorded.load(std::memory_order_relaxed) : 0;
  if (more != 0) out << more << " more have no record\n";
}

void dump() { dump(std::cerr); }

}  // namespace plait
