// expect: Member<2, Outer>
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/portable_call.hpp>

struct Inner {
  int n;
};
struct Outer {
  Inner inner;
  const char* text;
};
int use(const Outer&);

int main() {
  plait::Encoder out;
  plait::detail::encode_call(out, use, Outer{});
}
