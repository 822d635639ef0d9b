// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace httpd {

/// Writes all of the pieces. A peer that takes nothing at all for `patience` is given up by plait::TimeoutError; a slow
/// one is not.
plait::Task<> write_pieces(plait::Stream& to, std::span<const std::string_view> pieces, plait::Duration patience);
/// The same for one.
plait::Task<> write_text(plait::Stream& to, std::string_view text, plait::Duration patience);
/// The same for a part of a file. Throws std::runtime_error if that has become shorter.
plait::Task<> write_file(plait::Stream& to, plait::File& file, std::uint64_t offset, std::uint64_t count,
                         plait::Duration patience);

/// Ends a connection whose last request has not been read to its end: says that nothing more comes and reads on for a
/// moment, as a close at once would make the peer's kernel throw our answer away.
plait::Task<> linger(plait::Stream& stream);

}  // namespace httpd
