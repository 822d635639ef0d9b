// SPDX-License-Identifier: BSL-1.0
#include "plait/core/context.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "plait/base/atomic.hpp"

namespace plait::detail {

/// A program has few such variables, and reading is what is frequent: a flat table, searched from its start.
struct Context::Table {
  struct Entry {
    const void* key;
    Value value;
  };
  std::vector<Entry> entries;
  mutable Atomic<std::uint32_t> holders{1};

  const Entry* find(const void* key) const noexcept {
    const auto at = std::find_if(entries.begin(), entries.end(), [key](const Entry& e) { return e.key == key; });
    return at == entries.end() ? nullptr : &*at;
  }
};

void Context::retain(const Table& table) noexcept { table.holders.fetch_add(1, std::memory_order_relaxed); }

void Context::release(const Table& table) noexcept {
  // Release and acquire: whoever frees it has seen the last reads of the others.
  if (table.holders.fetch_sub(1, std::memory_order_acq_rel) == 1) delete &table;
}

const void* Context::find(const void* key) const noexcept {
  const Table::Entry* entry = table_ ? table_->find(key) : nullptr;
  return entry ? entry->value.get() : nullptr;
}

Context::Value Context::hold(const void* key) const noexcept {
  const Table::Entry* entry = table_ ? table_->find(key) : nullptr;
  return entry ? entry->value : nullptr;
}

void Context::set(const void* key, Value value) {
  auto changed = std::make_unique<Table>();
  if (table_) {
    changed->entries.reserve(table_->entries.size() + 1);
    for (const Table::Entry& entry : table_->entries) {
      if (entry.key != key) changed->entries.push_back(entry);
    }
  }
  if (value) changed->entries.push_back({key, std::move(value)});
  const Context before = std::move(*this);
  if (!changed->entries.empty()) table_ = changed.release();
}

}  // namespace plait::detail
