// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/context.hpp"
#include "plait/core/scheduler.hpp"

namespace plait {

/// A value of its own in every strand (contextvars.ContextVar, Java's ScopedValue): a request's id, a user, a log
/// level. A child strand - task, thread, call into a thread or a loop, main task of a `run` - starts with what its
/// parent had then; what either sets later the other does not see. A Task that is awaited runs on the awaiting strand
/// and shares its values. Lives as long as strands that use it: make it a static. All members are for the calling
/// strand, from any thread; reading takes no lock.
template <class T>
class ContextVar {
 public:
  /// What `set` gives for `reset`.
  class Token {
   public:
    Token(Token&&) noexcept = default;
    Token& operator=(Token&&) noexcept = default;

   private:
    friend class ContextVar;
    explicit Token(detail::Context::Value before) noexcept : before_(std::move(before)) {}
    detail::Context::Value before_;
  };

  /// Without a default, `get` of a strand without a value is an error.
  explicit ContextVar(std::string_view name) : name_(name) {}
  ContextVar(std::string_view name, T value) : name_(name), default_(std::move(value)) {}
  ContextVar(const ContextVar&) = delete;
  ContextVar& operator=(const ContextVar&) = delete;

  /// A copy of the strand's value, or of the default. Throws std::logic_error if there is neither (LookupError).
  T get() const {
    if (const void* value = context().find(this)) return *static_cast<const T*>(value);
    if (!default_) detail::misuse("ContextVar \"" + name_ + "\": it has no value in this strand, and no default.");
    return *default_;
  }
  /// Sets the strand's value. `reset` with the token puts back what was before.
  Token set(T value) {
    detail::Context& here = context();
    Token token(here.hold(this));
    here.set(this, std::make_shared<const T>(std::move(value)));
    return token;
  }
  /// Puts back what a `set` of the same strand replaced.
  void reset(Token token) { context().set(this, std::move(token.before_)); }

 private:
  static detail::Context& context() { return detail::Scheduler::current_strand().context; }

  std::string name_;
  std::optional<T> default_;
};

}  // namespace plait
