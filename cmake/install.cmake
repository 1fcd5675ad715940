# Installs the headers, the CMake package and coheir.pc; all of it is independent of the architecture.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/coheir)

install(DIRECTORY include/coheir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS coheir EXPORT coheir-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT coheir-targets NAMESPACE coheir:: DESTINATION ${package_dir})

configure_package_config_file(cmake/coheir-config.cmake.in
    ${PROJECT_BINARY_DIR}/coheir-config.cmake INSTALL_DESTINATION ${package_dir}
)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/coheir-config-version.cmake
    COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT
)
install(
    FILES
        ${PROJECT_BINARY_DIR}/coheir-config.cmake
        ${PROJECT_BINARY_DIR}/coheir-config-version.cmake
    DESTINATION ${package_dir}
)

configure_file(cmake/coheir.pc.in ${PROJECT_BINARY_DIR}/coheir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/coheir.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
