// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <utility>

namespace plait::detail {

/// The task-local values of one strand: an immutable table that children share until somebody sets one. One pointer, so
/// that handing it on costs a look where there are no values.
class Context {
 public:
  using Value = std::shared_ptr<const void>;

  Context() noexcept = default;
  Context(const Context& other) noexcept : table_(other.table_) {
    if (table_) [[unlikely]]
      retain(*table_);
  }
  Context(Context&& other) noexcept : table_(std::exchange(other.table_, nullptr)) {}
  Context& operator=(Context other) noexcept {
    std::swap(table_, other.table_);
    return *this;
  }
  ~Context() {
    if (table_) [[unlikely]]
      release(*table_);
  }

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
  static void retain(const Table& table) noexcept;
  static void release(const Table& table) noexcept;

  const Table* table_ = nullptr;
};

}  // namespace plait::detail
