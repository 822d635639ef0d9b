// SPDX-License-Identifier: BSL-1.0
//
// Linked with --wrap=main, the start of each program comes here, after the static objects are made.
#include "plait/process/init.hpp"

// NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names.
extern "C" int __real_main(int argc, char** argv, char** environment);

extern "C" int __wrap_main(int argc, char** argv, char** environment) {
  plait::init(argc, argv);
  return __real_main(argc, argv, environment);
}
// NOLINTEND(bugprone-reserved-identifier)
