// expect: use plait::shared::Lock
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/codec.hpp>

#include <memory>
#include <mutex>

int main() {
  plait::Encoder out;
  out.write(std::make_unique<std::mutex>());
}
