// expect: a reference can't cross to another process
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/portable_call.hpp>

#include <functional>

void increase(int& x);

int main() {
  int x = 0;
  plait::Encoder out;
  plait::detail::encode_call(out, increase, std::ref(x));
}
