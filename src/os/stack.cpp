// SPDX-License-Identifier: BSL-1.0
#include "plait/os/stack.hpp"

#include <pthread.h>

namespace plait::os {

std::uintptr_t stack_end() noexcept {
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return 0;
  void* lowest = nullptr;
  std::size_t size = 0;
  const int error = ::pthread_attr_getstack(&attributes, &lowest, &size);
  ::pthread_attr_destroy(&attributes);
  return error == 0 ? reinterpret_cast<std::uintptr_t>(lowest) : 0;
}

}  // namespace plait::os
