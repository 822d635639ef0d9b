// expect: name it first
// compiler: GNU
// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>
#include <string>

plait::Task<> body() {
  std::string text = "captured";
  co_await plait::spawn([text]() -> plait::Task<> { co_return; });
}
