# SPDX-License-Identifier: BSL-1.0

# Compiles SOURCE and fails unless the compiler refuses it with the words of its first line.
file(READ ${SOURCE} text)
if(NOT text MATCHES "^// expect: ([^\n]+)\n(// compiler: ([A-Za-z]+)\n)?")
  message(FATAL_ERROR "${SOURCE}: the first line is not `// expect: text`")
endif()
set(expected "${CMAKE_MATCH_1}")
if(CMAKE_MATCH_3 AND NOT CMAKE_MATCH_3 STREQUAL COMPILER_ID)
  message("skipped: only for ${CMAKE_MATCH_3}")
  return()
endif()

execute_process(
  COMMAND ${COMPILER} -std=c++20 -Wall -Wextra -I${INCLUDE} -c ${SOURCE} -o /dev/null
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE}: compiles, and must not")
endif()
string(FIND "${output}" "${expected}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "${SOURCE}: refused without the words `${expected}`:\n${output}")
endif()
