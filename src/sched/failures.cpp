// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/failures.hpp"

#include <cstring>

#include "plait/core/exceptions.hpp"

namespace plait::detail {
namespace {

/// An exception_ptr of libstdc++ is the address of the exception, under a type that can only be compared.
const void* identity(const std::exception_ptr& error) noexcept {
  static_assert(sizeof error == sizeof(const void*));
  const void* address = nullptr;
  // NOLINTNEXTLINE(bugprone-undefined-memory-manipulation): its bytes are read, not written.
  std::memcpy(static_cast<void*>(&address), static_cast<const void*>(&error), sizeof address);
  return address;
}

}  // namespace

void Failures::add(const std::exception_ptr& error) {
  if (!error) return;
  if (is_cancelled(error)) {
    cancelled_ = true;
  } else if (known_.insert(identity(error)).second) {
    errors_.push_back(error);
  }
}

void Failures::raise_errors(const char* message) const {
  if (!errors_.empty()) throw ExceptionGroup(message, errors_);
}

void Failures::raise(const char* message) const {
  raise_errors(message);
  if (cancelled_) throw Cancelled{};
}

}  // namespace plait::detail
