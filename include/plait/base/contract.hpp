// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>

namespace plait::detail {

/// Ends the program with one sentence on stderr, for misuse found where nothing can be thrown (destructors, other
/// threads). The sentence names the object, the rule and the number of waiters. Async-signal-safe up to the abort.
[[noreturn]] void fail(std::string_view sentence) noexcept;

/// Throws std::logic_error with the sentence, for misuse found where the caller can be told.
[[noreturn]] void misuse(const std::string& sentence);

}  // namespace plait::detail
