# SPDX-License-Identifier: BSL-1.0

# What holds for people who work on Plait itself and must not reach the projects that use it.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

add_compile_options(-Wall -Wextra)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # "x" + std::to_string(n) is warned of from -O2 on, without reason (GCC bug 105651).
  add_compile_options(-Wno-restrict)
endif()
if(PLAIT_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_GENERATOR STREQUAL Ninja)
  # Ninja reads the compilers' output through a pipe; without these flags a terminal sees no colours.
  add_compile_options(-fdiagnostics-color=always)
endif()
