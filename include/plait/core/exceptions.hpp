// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace plait {

/// Raised at every checkpoint inside a cancelled scope until the scope is left (trio's level-triggered Cancelled).
/// It is not a std::exception, so that `catch (const std::exception&)` lets it pass. Whoever catches it to clean up
/// throws it on; only the scope that was cancelled keeps it.
class Cancelled final {
 public:
  const char* what() const noexcept { return "cancelled"; }
};

/// The deadline of a `timeout` passed (Python's TimeoutError).
class TimeoutError : public std::runtime_error {
 public:
  TimeoutError() : std::runtime_error("timed out") {}
  explicit TimeoutError(const std::string& message) : std::runtime_error(message) {}
};

/// Thrown by `run` after Ctrl-C, whatever the body made of its cancellation. Not a std::exception, like `Cancelled`.
class KeyboardInterrupt {
 public:
  const char* what() const noexcept { return "keyboard interrupt"; }
};

namespace detail {

/// A base of exceptions that `describe` asks for their text.
class Described {
 public:
  virtual std::string description() const = 0;

 protected:
  Described() = default;
  Described(const Described&) = default;
  Described& operator=(const Described&) = default;
  virtual ~Described() = default;
};

/// The name of a type as people write it.
std::string type_name(const std::type_info& type);

/// The exception is a Cancelled. Much cheaper than to rethrow it and see.
bool is_cancelled(const std::exception_ptr& error) noexcept;

}  // namespace detail

/// The text of any exception: its what(), with its type's name where that helps.
std::string describe(const std::exception_ptr& error);

/// Several errors that belong together (PEP 654): what the children of a `gather` or a task group failed with. Always
/// a group, even for a single error; nested groups stay nested. Cheap to copy.
class ExceptionGroup : public std::exception {
 public:
  /// `errors` must not be empty.
  ExceptionGroup(std::string message, std::vector<std::exception_ptr> errors);

  /// The message and a tree of all errors, one a line.
  const char* what() const noexcept override;
  /// What the constructor was given, without the tree.
  const std::string& message() const noexcept;
  std::size_t size() const noexcept { return errors().size(); }
  /// Throws std::out_of_range.
  const std::exception_ptr& operator[](std::size_t i) const { return errors().at(i); }
  auto begin() const noexcept { return errors().cbegin(); }
  auto end() const noexcept { return errors().cend(); }

  /// Splits into the errors of type `E` (searched through nested groups, whose shape is kept) and the rest. Either
  /// part is null if it is empty (PEP 654's split). A nested group goes by what it holds, whatever `E` is.
  template <class E>
  std::pair<std::shared_ptr<ExceptionGroup>, std::shared_ptr<ExceptionGroup>> split() const;

 private:
  struct State;
  const std::vector<std::exception_ptr>& errors() const noexcept;
  template <class E>
  static bool holds(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const E&) {
      return true;
    } catch (...) {
      return false;
    }
  }
  std::shared_ptr<const State> state_;
};

template <class E>
std::pair<std::shared_ptr<ExceptionGroup>, std::shared_ptr<ExceptionGroup>> ExceptionGroup::split() const {
  std::vector<std::exception_ptr> matching, others;
  for (const std::exception_ptr& error : *this) {
    try {
      std::rethrow_exception(error);
    } catch (const ExceptionGroup& group) {
      // A group is a std::exception itself, so it comes first: what it holds decides.
      auto [yes, no] = group.template split<E>();
      if (yes) matching.push_back(std::make_exception_ptr(*yes));
      if (no) others.push_back(std::make_exception_ptr(*no));
    } catch (...) {
      (holds<E>(error) ? matching : others).push_back(error);
    }
  }
  const auto group = [this](std::vector<std::exception_ptr>& errors) {
    return errors.empty() ? nullptr : std::make_shared<ExceptionGroup>(message(), std::move(errors));
  };
  return {group(matching), group(others)};
}

}  // namespace plait
