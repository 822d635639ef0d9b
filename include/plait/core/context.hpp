// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <utility>

namespace plait::detail {

/// The task-local values of one strand: an immutable table that children share until somebody sets one.
class Context {
 public:
  using Value = std::shared_ptr<const void>;

  /// The value under `key`, or null.
  const void* find(const void* key) const noexcept;
  /// A handle that keeps the value alive, or null.
  Value hold(const void* key) const noexcept;
  /// Replaces the value under `key` in this context alone; null takes it out.
  void set(const void* key, Value value);

  /// Whether they are one table, so that every value is the same.
  bool is(const Context& other) const noexcept { return table_ == other.table_; }

 private:
  struct Table;
  std::shared_ptr<const Table> table_;
};

}  // namespace plait::detail
