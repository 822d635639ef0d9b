// expect: its private members are unknown
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/codec.hpp>

#include <fstream>
#include <tuple>

int main() {
  plait::Encoder out;
  out.write(std::tuple<int, std::ofstream>());
}
