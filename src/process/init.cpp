// SPDX-License-Identifier: BSL-1.0
#include "plait/process/init.hpp"

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/os/process.hpp"
#include "process_body.hpp"
#include "protocol.hpp"
#include "role.hpp"
#include "server.hpp"

namespace plait {
namespace detail {
namespace {

/// Takes a number and, unless it is the last, the colon after it from the front of `text`. -1 for what is none.
int take_number(std::string_view& text, bool last) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || number < 0 || (last ? length != text.size() : length == text.size() || *end != ':')) {
    return -1;
  }
  text.remove_prefix(last ? length : length + 1);
  return number;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

/// What the option asks this process to be, if it is one.
void take_up(std::string_view option) {
  if (!take_word(option, kRoleOption)) return;
  const bool is_server = take_word(option, "server:");
  const bool is_child = !is_server && take_word(option, "child:");
  const int fd = is_server || is_child ? take_number(option, false) : -1;
  const int parent = fd < 0 ? -1 : take_number(option, true);
  if (parent < 0 || !os::is_message_socket(fd)) {
    fail("plait: the argument --plait-process=… is for Plait's own use, by a program that starts its processes.");
  }
  os::fill_standard_streams();
  is_server ? serve(os::Fd(fd), parent) : be_child(os::Fd(fd), parent);
}

}  // namespace

Role& this_role() noexcept {
  static auto* role = new Role;  // known until the very end
  return *role;
}

}  // namespace detail

void init(int argc, char** argv) {
  detail::Role& role = detail::this_role();
  if (std::exchange(role.ready, true)) return;
  if (argc > 0) role.program = argv[0];
  if (argc > 1) detail::take_up(argv[1]);
}

}  // namespace plait
