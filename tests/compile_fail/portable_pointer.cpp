// expect: a pointer can't cross to another process
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/portable_call.hpp>

#include <vector>

int use(const std::vector<int*>&);

int main() {
  plait::Encoder out;
  plait::detail::encode_call(out, use, std::vector<int*>());
}
