// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace plait::detail {

/// What a strand or frame ends with: nothing yet, a value (also a reference, also void), or an exception.
template <class T>
class Result {
  using Stored = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>;

 public:
  Result() noexcept {}
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  ~Result() {
    if (has_value_) std::destroy_at(std::addressof(value_));
  }

  template <class U>
  void set_value(U&& value) {
    if constexpr (std::is_reference_v<T>) {
      value_ = std::addressof(value);
    } else {
      std::construct_at(std::addressof(value_), std::forward<U>(value));
    }
    has_value_ = true;
  }
  void set_error(std::exception_ptr error) noexcept { error_ = std::move(error); }

  const std::exception_ptr& error() const noexcept { return error_; }
  bool has_value() const noexcept { return has_value_; }

  /// Moves the value out, or throws the error.
  T take() {
    if (error_) [[unlikely]]
      std::rethrow_exception(std::exchange(error_, nullptr));
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*value_);
    } else {
      return std::move(value_);
    }
  }

  /// The value where it lies, or throws the error (which stays).
  std::add_lvalue_reference_t<const T> peek() const {
    if (error_) std::rethrow_exception(error_);
    if constexpr (std::is_reference_v<T>) {
      return *value_;
    } else {
      return value_;
    }
  }

  /// Takes over what `other` ended with.
  void adopt(Result& other) noexcept(std::is_nothrow_move_constructible_v<Stored>) {
    if (other.error_) {
      error_ = std::move(other.error_);
    } else {
      std::construct_at(std::addressof(value_), std::move(other.value_));
      has_value_ = true;
    }
  }

 private:
  union {
    Stored value_;
  };
  std::exception_ptr error_;
  bool has_value_ = false;
};

template <>
class Result<void> {
 public:
  void set_value() noexcept {}
  void set_error(std::exception_ptr error) noexcept { error_ = std::move(error); }
  const std::exception_ptr& error() const noexcept { return error_; }
  bool has_value() const noexcept { return !error_; }
  void take() {
    if (error_) [[unlikely]]
      std::rethrow_exception(std::exchange(error_, nullptr));
  }
  void peek() const {
    if (error_) std::rethrow_exception(error_);
  }
  void adopt(Result& other) noexcept { error_ = std::move(other.error_); }

 private:
  std::exception_ptr error_;
};

}  // namespace plait::detail
