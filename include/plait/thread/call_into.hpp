// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cxxabi.h>

#include <exception>
#include <stdexcept>
#include <type_traits>

#include "plait/core/result.hpp"

namespace plait::detail {

/// Calls `call`, which gives R, for `result`. What it throws is the result too; the exception by which pthread_exit and
/// pthread_cancel unwind a thread goes on, as the system insists; it
/// is caught through a null reference, which a sanitizer would mind.
template <class R, class Call, class Finish>
__attribute__((noinline, no_sanitize("null"))) void call_into(Result<R>& result, Call&& call, Finish&& finish) {
  try {
    if constexpr (std::is_void_v<R>) {
      call();
      result.set_value();
    } else {
      result.set_value(call());
    }
  } catch (abi::__forced_unwind&) {
    result.set_error(std::make_exception_ptr(std::runtime_error("plait: the thread was ended by pthread_exit")));
    finish();
    throw;
  } catch (...) {
    result.set_error(std::current_exception());
  }
  finish();
}

}  // namespace plait::detail
