// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <unordered_set>
#include <vector>

namespace plait::detail {

/// What the children of one join failed with, in the order in which it was added. One exception that arrives twice, by
/// way of two children for instance, is kept once.
class Failures {
 public:
  /// Null is ignored; of Cancelled only the fact is kept.
  void add(const std::exception_ptr& error);
  bool any() const noexcept { return !errors_.empty(); }
  bool cancelled() const noexcept { return cancelled_; }
  /// Throws an ExceptionGroup if anything failed, else Cancelled if anything was cancelled.
  void raise(const char* message) const;
  /// Throws an ExceptionGroup if anything failed.
  void raise_errors(const char* message) const;

 private:
  std::vector<std::exception_ptr> errors_;
  std::unordered_set<const void*> known_;
  bool cancelled_ = false;
};

}  // namespace plait::detail
