// expect: a view of memory (string_view, span) can't cross
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/portable_call.hpp>

#include <string_view>

int use(std::string_view);

int main() {
  plait::Encoder out;
  plait::detail::encode_call(out, use, std::string_view("text"));
}
