// SPDX-License-Identifier: BSL-1.0
#include "parts.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>

#include "child_process.hpp"
#include "experiment.hpp"
#include "figures_json.hpp"

namespace plait::tool {
namespace {

std::string text(auto number) { return std::to_string(static_cast<long>(number)); }

Way way_of(const std::string& number) {
  const int i = std::stoi(number);
  if (i < 0 || static_cast<std::size_t>(i) >= std::size(kWays)) throw std::out_of_range("no such way");
  return kWays[i];
}

}  // namespace

std::vector<std::string> hash_files_child(Way way, int names_fd, const Board& board) {
  return {"child", "hash", text(way), text(names_fd), text(board.fd()), text(board.size())};
}

std::vector<std::string> send_requests_child(Way way, int port, const Board& board) {
  return {"child", "request", text(way), text(port), text(board.fd()), text(board.size())};
}

std::vector<std::string> slow_server_child() { return {"child", "serve"}; }

std::vector<std::string> experiment_child() { return {"child", "experiment"}; }

int run_part(const std::string& part, const std::vector<std::string>& arguments) {
  die_with_parent();
  const int report = std::stoi(arguments.at(arguments.size() - 1));
  auto number = [&](std::size_t i) { return std::stoi(arguments.at(i)); };
  if (part == "serve") return serve_slowly(report);
  nlohmann::json said;
  if (part == "experiment") {
    said = run_experiment();
  } else {
    const Board board(number(2), std::stoul(arguments.at(3)));
    if (part == "hash") {
      const SharedMemory memory = SharedMemory::inherited(number(1));
      const std::string_view text(static_cast<const char*>(memory.data()), memory.size());
      said = hash_files(way_of(arguments[0]), NameList(board.size() == 0 ? std::string_view() : text), board);
    } else if (part == "request") {
      said = send_requests(way_of(arguments[0]), number(1), board);
    } else {
      throw std::invalid_argument("no part is called " + part);
    }
  }
  send_report(report, said.dump());
  return 0;
}

}  // namespace plait::tool
