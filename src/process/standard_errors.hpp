// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <span>

#include "plait/process/remote_error.hpp"

namespace plait::detail {

inline constexpr unsigned char kNoStandardType = 255;

/// The exceptions of the standard library and of Plait.
std::span<const ExceptionType* const> known_exception_types();
/// The number of one of the standard library's plain classes, the same in every build; kNoStandardType of others.
unsigned char standard_number(const std::type_info& type) noexcept;
/// An exception of that class, or std::runtime_error for what is no std::exception.
std::exception_ptr make_standard(unsigned char number, RemoteInfo::Story&& story, const std::exception_ptr& nested);

}  // namespace plait::detail
