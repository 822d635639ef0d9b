// SPDX-License-Identifier: BSL-1.0
#include "plait/core/generator_chain.hpp"

#include <cxxabi.h>

#include <stdexcept>
#include <string>
#include <typeinfo>

#include "plait/base/contract.hpp"
#include "plait/core/stop_iteration.hpp"

namespace plait::detail {

namespace {

constexpr const char* ignored_exit =
    "plait::Generator: the generator yielded while it was being closed; after GeneratorExit it must end";

bool is_generator_exit(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const GeneratorExit&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void GeneratorFrame::rethrow_pending() { std::rethrow_exception(std::exchange(pending_, nullptr)); }

bool GeneratorFrame::throw_in(const std::exception_ptr& error) {
  leaf_->pending_ = error;
  if (is_generator_exit(error)) {
    close_inner(error);
  }
  return step();
}

void GeneratorFrame::close() {
  bool yielded = false;
  try {
    yielded = throw_in(std::make_exception_ptr(GeneratorExit{}));
  } catch (const GeneratorExit&) {
    return;
  }
  if (yielded) {
    throw std::runtime_error(ignored_exit);
  }
}

void GeneratorFrame::body_threw() noexcept {
  const std::type_info* type = abi::__cxa_current_exception_type();
  exited_ = type != nullptr && *type == typeid(GeneratorExit);
  if (type == nullptr || *type != typeid(StopIteration)) {
    pending_ = std::current_exception();
    return;
  }
  try {
    std::throw_with_nested(std::runtime_error(
        "plait::Generator: a StopIteration left the body of the generator; catch it there and end with co_return"));
  } catch (...) {
    pending_ = std::current_exception();
  }
}

/// Runs the chain until only the root is left to be closed, or until one of its frames did not end as it should.
void GeneratorFrame::close_inner(const std::exception_ptr& exit) {
  state_ = State::running;
  for (GeneratorFrame* closing = leaf_; closing != nullptr && closing != this;) {
    const std::coroutine_handle<> running = next_;
    running.resume();
    if (next_ == running) {
      GeneratorFrame& parent = *std::exchange(closing->parent_, nullptr);
      closing->state_ = State::suspended;
      closing->lead_by(*leaf_);
      lead_by(parent);
      parent.pending_ = std::make_exception_ptr(std::runtime_error(ignored_exit));
      closing = nullptr;
    } else if (closing->state_ == State::finished) {
      const bool closed = closing->exited_ || !closing->pending_;
      if (closed) {
        leaf_->pending_ = exit;
      }
      closing = closed ? leaf_ : nullptr;
    }
  }
  state_ = State::suspended;
}

void GeneratorFrame::destroy(GeneratorFrame& frame) noexcept {
  GeneratorFrame* lowest = &frame;
  if (frame.state_ == State::delegated) {
    lowest = frame.cut_off();
  } else if (frame.state_ == State::running) {
    fail("plait::Generator: a generator was destroyed by its own body, while it was running");
  } else if (frame.state_ == State::suspended) {
    lowest = frame.leaf_;
  }
  frame.state_ = State::running;
  for (GeneratorFrame *next = lowest, *parent = nullptr; next != nullptr; next = parent) {
    parent = next == &frame ? nullptr : next->parent_;
    *next->owner_ = nullptr;
    next->self_.destroy();
  }
}

/// Ends the delegation to this frame by a chain that does not run; returns the leaf of what is below.
GeneratorFrame* GeneratorFrame::cut_off() noexcept {
  GeneratorFrame* root = parent_;
  while (root->parent_ != nullptr) {
    root = root->parent_;
  }
  if (root->state_ == State::running) {
    fail("plait::Generator: a generator was destroyed while another that is running delegates to it");
  }
  GeneratorFrame* leaf = root->leaf_;
  parent_->pending_ = std::make_exception_ptr(
      std::logic_error("plait::Generator: the generator that elements_of delegates to was destroyed"));
  root->lead_by(*parent_);
  return leaf;
}

void GeneratorFrame::refuse(const char* operation) const {
  misuse(std::string("plait::Generator: ") + operation +
         (state_ == State::delegated ? " was asked of a generator that another one delegates to; step that one"
                                     : " was asked of a generator that is running; a body must not step itself"));
}

}  // namespace plait::detail
