# SPDX-License-Identifier: BSL-1.0

# Reads the version from the header, so that it is written in one place only.
function(plait_read_version result header)
  file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/${header} line REGEX "^#define PLAIT_VERSION \"[0-9.]+\"")
  if(NOT line MATCHES "\"([0-9]+\\.[0-9]+\\.[0-9]+)\"")
    message(FATAL_ERROR "plait: no line `#define PLAIT_VERSION \"x.y.z\"` in ${header}")
  endif()
  set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${header})
endfunction()
