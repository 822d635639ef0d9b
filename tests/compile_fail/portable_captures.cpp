// expect: write plait::by_value(lambda)
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/portable_call.hpp>

int main() {
  int offset = 3;
  plait::Encoder out;
  plait::detail::encode_call(out, [offset](int x) { return x + offset; }, 1);
}
