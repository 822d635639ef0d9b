// expect: a pointer can't cross to another process
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/portable_call.hpp>

const int* find(int);

int main() {
  plait::Encoder out;
  plait::detail::encode_call(out, find, 1);
}
