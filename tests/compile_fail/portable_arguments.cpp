// expect: f can't be called with these arguments in another process
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/portable_call.hpp>

void increase(int& x);

int main() {
  plait::Encoder out;
  plait::detail::encode_call(out, increase, 1);
}
