// expect: pass the function as an argument of the call
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/codec.hpp>

struct Handler {
  int (*handle)(int);
};

int main() {
  plait::Encoder out;
  out.write(Handler{});
}
