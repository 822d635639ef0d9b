// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <limits>
#include <source_location>

#include "plait/core/task.hpp"
#include "plait/io/file.hpp"
#include "plait/io/stream.hpp"

namespace plait {

/// As many bytes as there are.
inline constexpr std::uint64_t kToTheEnd = std::numeric_limits<std::uint64_t>::max();

/// Sends `count` bytes of a file, from `offset` on, or as many as there are, and gives how many (loop.sendfile). The
/// file's position is left alone. To a socket, without a copy in this process (sendfile(2)), once the bytes are in
/// memory: what is not is read beside the loop first. To other streams, TLS for instance, by reads and writes. One
/// writer at a time, as for `to.write`. Throws std::system_error with the path and the peer. On cancel, and after an
/// error: `to.written()` says how much went out.
[[nodiscard]] Task<std::uint64_t> send_file(Stream& to, File& from, std::uint64_t offset = 0,
                                            std::uint64_t count = kToTheEnd,
                                            std::source_location at = std::source_location::current());

/// Writes what comes from a stream, up to `count` bytes or to its end, into a file from `offset` on, and gives how many
/// bytes those were. The file's position is left alone. One reader at a time, as for `from.read_some`. On cancel, and
/// after an error: `done`, if it is not null, says how much is in the file, and the next read of the stream goes on
/// right after that; nothing is lost.
[[nodiscard]] Task<std::uint64_t> receive_file(Stream& from, File& to, std::uint64_t offset = 0,
                                               std::uint64_t count = kToTheEnd, std::uint64_t* done = nullptr,
                                               std::source_location at = std::source_location::current());

}  // namespace plait
