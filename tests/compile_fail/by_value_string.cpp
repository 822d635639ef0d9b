// expect: by_value: this lambda captured something that is more than its bytes
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/by_value.hpp>

#include <string>

int main() {
  std::string text;
  [[maybe_unused]] auto f = plait::by_value([text] { return text.size(); });
}
