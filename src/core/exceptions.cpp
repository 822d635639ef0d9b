// SPDX-License-Identifier: BSL-1.0
#include "plait/core/exceptions.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <mutex>
#include <string_view>

#include "plait/base/contract.hpp"

namespace plait {
namespace {

/// One error a line, groups indented below their message.
void append_tree(std::string& text, const std::vector<std::exception_ptr>& errors, const std::string& indent) {
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const bool last = i + 1 == errors.size();
    text += "\n" + indent + (last ? "└─ " : "├─ ");
    try {
      std::rethrow_exception(errors[i]);
    } catch (const ExceptionGroup& group) {
      text += group.message();
      append_tree(text, {group.begin(), group.end()}, indent + (last ? "   " : "│  "));
    } catch (...) {
      text += describe(errors[i]);
    }
  }
}

}  // namespace

std::string detail::type_name(const std::type_info& type) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : type.name();
  std::free(demangled);
  return name;
}

bool detail::is_cancelled(const std::exception_ptr& error) noexcept {
  const std::type_info* type = error ? error.__cxa_exception_type() : nullptr;
  return type && *type == typeid(Cancelled);
}

std::string describe(const std::exception_ptr& error) {
  if (!error) return "no error";
  try {
    std::rethrow_exception(error);
  } catch (const detail::Described& e) {
    return e.description();
  } catch (const std::exception& e) {
    return detail::type_name(typeid(e)) + ": " + e.what();
  } catch (const Cancelled&) {
    return "plait::Cancelled";
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type ? detail::type_name(*type) : "unknown error";
  }
}

/// The text is made when somebody asks: groups nest, and each level's tree repeats all below.
struct ExceptionGroup::State {
  std::string message;
  std::vector<std::exception_ptr> errors;
  mutable std::once_flag told;
  mutable std::string text;
};

ExceptionGroup::ExceptionGroup(std::string message, std::vector<std::exception_ptr> errors) {
  if (errors.empty()) detail::misuse("ExceptionGroup: it needs at least one error");
  auto state = std::make_shared<State>();
  state->message = std::move(message);
  state->errors = std::move(errors);
  state_ = std::move(state);
}

const std::string& ExceptionGroup::message() const noexcept { return state_->message; }
const std::vector<std::exception_ptr>& ExceptionGroup::errors() const noexcept { return state_->errors; }

const char* ExceptionGroup::what() const noexcept {
  std::call_once(state_->told, [&s = *state_] {
    s.text = s.message + " (" + std::to_string(s.errors.size()) + (s.errors.size() == 1 ? " error)" : " errors)");
    append_tree(s.text, s.errors, "");
  });
  return state_->text.c_str();
}

}  // namespace plait
