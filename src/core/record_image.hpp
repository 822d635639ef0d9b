// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plait/core/record.hpp"
#include "plait/core/strand_info.hpp"

namespace plait::detail {

/// A copy of a record: the same bytes without atomics.
struct RecordImage {
  std::uint32_t sequence;
  std::uint8_t state, wait, kind, name_length;
  std::uint64_t id, parent, spawned_at, awaits_at, object;
  std::int32_t thread_id;
  std::uint32_t names_backed;
  std::uint64_t next_free;
};
static_assert(sizeof(RecordImage) == sizeof(StrandRecord));

/// Makes what a user sees of copied records, in the order of their ids. Nothing in the records is trusted.
class StrandCollector {
 public:
  /// `line` looks up the address of a source location; each is asked for once.
  StrandCollector(std::uint64_t first_record_address, std::function<SourceLine(std::uint64_t)> line)
      : first_record_(first_record_address), line_(std::move(line)) {}

  /// The record at `index`; free ones are passed over. Indexes ascend.
  void add(std::size_t index, const RecordImage& record, std::string_view name);
  std::vector<StrandInfo> take() &&;

 private:
  const SourceLine& line(std::uint64_t address);

  std::uint64_t first_record_;
  std::function<SourceLine(std::uint64_t)> line_;
  std::unordered_map<std::uint64_t, SourceLine> lines_;
  std::vector<StrandInfo> strands_;
  /// The id of the strand in each record, 0 for free ones.
  std::vector<std::uint64_t> ids_;
};

}  // namespace plait::detail
