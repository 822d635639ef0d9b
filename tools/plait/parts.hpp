// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "board.hpp"
#include "figures.hpp"
#include "names.hpp"

namespace plait::tool {

/// The IO-bound half: so many requests, each answered after so long, so many in flight at most.
inline constexpr std::size_t kRequests = 1000;
inline constexpr int kRequestMilliseconds = 5;
inline constexpr unsigned kInFlight = 32;

/// Command lines of the command run again, each ends with a number that ChildProcess adds: the pipe for the report.
std::vector<std::string> hash_files_child(Way way, int names_fd, const Board& board);
std::vector<std::string> send_requests_child(Way way, int port, const Board& board);
std::vector<std::string> slow_server_child();
std::vector<std::string> experiment_child();

/// The child's side: does what one of those command lines says, and gives its exit code.
int run_part(const std::string& part, const std::vector<std::string>& arguments);

/// Hashes every file in one way, in this process; each result goes to the board.
Sample hash_files(Way way, const NameList& names, const Board& board);

/// Sends a request for each item of the board to the slow server behind `port` of the loopback, and hashes the answers.
Sample send_requests(Way way, int port, const Board& board);

/// Answers each line that comes in after kRequestMilliseconds; writes its port and a newline to `report_fd`, then
/// serves until the process is killed.
int serve_slowly(int report_fd);

}  // namespace plait::tool
