// SPDX-License-Identifier: BSL-1.0
#include "core/record_image.hpp"

#include <algorithm>

namespace plait::detail {

const SourceLine& StrandCollector::line(std::uint64_t address) {
  const auto [entry, fresh] = lines_.try_emplace(address);
  if (fresh && address != 0) entry->second = line_(address);
  return entry->second;
}

void StrandCollector::add(std::size_t index, const RecordImage& record, std::string_view name) {
  if (record.state == 0 || record.state > static_cast<int>(StrandState::done)) return;
  if (record.wait > static_cast<int>(WaitKind::call) || record.kind > static_cast<int>(StrandKind::thread)) return;
  ids_.resize(index + 1);
  ids_[index] = record.id;
  strands_.push_back({
      .id = record.id,
      .parent = record.parent,
      .kind = static_cast<StrandKind>(record.kind),
      .state = static_cast<StrandState>(record.state),
      .thread_id = record.thread_id,
      .name = std::string(name),
      .spawned_at = line(record.spawned_at),
      .awaits_at = line(record.awaits_at),
      .wait = static_cast<WaitKind>(record.wait),
      .object = record.object,
      .awaited = 0,
  });
}

std::vector<StrandInfo> StrandCollector::take() && {
  for (StrandInfo& strand : strands_) {
    if (strand.wait != WaitKind::task && strand.wait != WaitKind::thread) continue;
    const std::uint64_t distance = strand.object - first_record_;  // wraps for what is no record: too far away
    const std::uint64_t index = distance / sizeof(StrandRecord);
    if (distance % sizeof(StrandRecord) != 0 || index >= ids_.size()) continue;
    strand.awaited = ids_[index];
    strand.object = 0;
  }
  std::ranges::sort(strands_, {}, &StrandInfo::id);
  return std::move(strands_);
}

}  // namespace plait::detail
