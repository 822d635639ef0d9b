# SPDX-License-Identifier: BSL-1.0

# `cmake --install`: headers, library, and the two ways to find it: find_package(plait) and pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS plait EXPORT plaitTargets FILE_SET HEADERS)
if(TARGET plait_main)
  install(TARGETS plait_main EXPORT plaitTargets)
endif()
if(TARGET plait_tls)
  install(TARGETS plait_tls EXPORT plaitTlsTargets FILE_SET HEADERS)
  install(EXPORT plaitTlsTargets NAMESPACE plait:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/plait)
endif()
install(EXPORT plaitTargets NAMESPACE plait:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/plait)
get_target_property(plait_type plait TYPE)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/plaitConfig.cmake.in ${PROJECT_BINARY_DIR}/plaitConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/plait)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/plaitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/plaitConfig.cmake ${PROJECT_BINARY_DIR}/plaitConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/plait)

# A static library has no record of what it needs, so its .pc file names all of it without `--static`.
set(plait_pc_requires)
set(plait_pc_libs "-lplait -pthread -Wl,--wrap=main")
if(TARGET plait_main)
  string(PREPEND plait_pc_libs "-lplait_main ")
endif()
if(plait_type STREQUAL STATIC_LIBRARY AND liburing_FOUND)
  set(plait_pc_requires liburing)
endif()
file(RELATIVE_PATH plait_pc_to_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(${PROJECT_SOURCE_DIR}/cmake/plait.pc.in ${PROJECT_BINARY_DIR}/plait.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/plait.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(TARGET plait_tls)
  set(plait_tls_pc_requires plait)
  if(plait_type STREQUAL STATIC_LIBRARY)
    string(APPEND plait_tls_pc_requires " libssl")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/plait-tls.pc.in ${PROJECT_BINARY_DIR}/plait-tls.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/plait-tls.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
